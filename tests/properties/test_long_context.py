"""A context four times as long fits where the logits as a whole would not: real processes under a real limit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "bench/long_context.py"
CONTEXT, MEGABYTES = 2048, 1300


def trained(kind: str, tokens: int, *limit: int) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), kind, str(tokens), *map(str, limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts all private memory on Linux only")
def test_four_times_the_context_fits_where_whole_logits_do_not():
    """All weights train. Plain transformers fits once the context into the limit, so it is the length that breaks it."""
    once, plain = (trained("plain", tokens, MEGABYTES) for tokens in (CONTEXT, 4 * CONTEXT))
    ours = trained("ours", 4 * CONTEXT, MEGABYTES)
    assert once["fits"] and not plain["fits"] and ours["fits"]
    assert ours["loss"] == pytest.approx(trained("plain", 4 * CONTEXT)["loss"], abs=1e-4)
