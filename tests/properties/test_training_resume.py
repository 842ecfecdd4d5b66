"""Exact resume: a run that is killed and repeated ends with the same bytes as one that was left alone."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ProcessPoolExecutor

import pytest
from forked import context
from killed_training import killed_and_repeated

MOMENTS = [
    "forward:4",
    "saving:1",
    "saving:6",
    "renaming:5",
    "renaming:8",
    "forward:33",
    "interrupt:20",
    "terminate:30",
]
"""8 steps an epoch, several packs a step, more for the dev loss: before the first state, within an
accumulation, while saving, at the end of an epoch, in the second epoch, Ctrl-C and preemption. The method ``all`` has states in
8 bits, noise, averages and best weights beside."""

FEWER = ["forward:4", "saving:3", "renaming:5", "forward:60"]
"""For a preference and for rewards, whose references and answers must be those of the first try."""

ENDS = {"interrupt": 130, "terminate": 143}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL and fork are needed")
@pytest.mark.parametrize("method", ["full", "lora", "all", "dpo", "grpo"])
def test_killed_runs_end_as_if_nothing_had_happened(method, tmp_path):
    moments = FEWER if method in ("dpo", "grpo") else MOMENTS
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        results = pool.submit(killed_and_repeated, tmp_path, method, moments).result()
    whole = results.pop(None)["directory"]
    weights = "adapter_model.safetensors" if method in ("lora", "grpo") else "model.safetensors"
    for moment, result in results.items():
        directory = result["directory"]
        assert result["killed"] == ENDS.get(moment.split(":")[0], -signal.SIGKILL), moment
        assert result["again"] == 0, moment
        assert (directory / weights).read_bytes() == (whole / weights).read_bytes(), moment
        assert (directory / "curve.jsonl").read_bytes() == (whole / "curve.jsonl").read_bytes(), moment
        resumed = json.loads((directory / "steps.json").read_text())
        assert resumed[0] > 1 or moment in ("saving:1", "forward:4"), f"{moment}: began anew"
