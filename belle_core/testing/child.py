"""``python -m belle_core.testing.child <step> <answer file> <overrides…>``: one run in a process that may be killed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from belle_core.errors import BelleError


def main(step: str, answer: str, *overrides: str) -> None:
    """Run, then write the fingerprint of *step* and the facts that JSON does not keep as they are."""
    from belle_core.api import run

    try:
        artifact = run(list(overrides), quiet=True).artifacts[step]
    except BelleError as error:
        sys.exit(str(error))
    changed = [name for name, value in artifact.facts().items() if not survives_json(value)]
    Path(answer).write_text(json.dumps({"fingerprint": artifact.fingerprint, "changed": changed}), encoding="utf-8")


def survives_json(value: Any) -> bool:
    """Whether *value* comes back from JSON equal and with the same types (no tuple, no integer key, no NaN)."""
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError):
        return False


if __name__ == "__main__":
    main(*sys.argv[1:])
