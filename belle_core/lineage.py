"""Walks from an artifact back to the raw data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from belle_core.artifacts import MANIFEST


def ancestors(directory: Path, _seen: set[Path] | None = None) -> Iterator[dict[str, Any]]:
    """Manifests of the artifact and of everything it was made from, each once, nearest first.

    Each carries its own ``fingerprint``. An input that was deleted from the store is left out.
    """
    seen = set() if _seen is None else _seen
    path = directory / MANIFEST
    if directory in seen or not path.is_file():
        return
    seen.add(directory)
    manifest = json.loads(path.read_text(encoding="utf-8"))
    yield manifest | {"fingerprint": directory.name}
    store, about = directory.parents[1], manifest["provenance"]
    parents = [store / reference for reference in about["inputs"]]
    parents += [
        Path(name).parent for name in about.get("files", ()) if Path(name).name == MANIFEST
    ]  # named in an option
    for parent in parents:
        yield from ancestors(parent, seen)
