"""A run that was stopped goes on with other strategies and other numbers of processes."""

from __future__ import annotations

import json
import os
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from belle_objectives.config import DpoConfig
from forked import DEATH, HOLD
from safetensors.torch import load_file
from together import train

from belle_core.errors import BelleError

PACE = {"epochs": 6, "batch": 8, "learning_rate": 1e-4, "ema": 0.95, "keep": "best", "looks": 12}
"""48 optimizer steps."""
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]


def steps_of(directory: Path, pace: dict[str, Any] = PACE, *, steps: list[int] | None = None, **more: Any) -> list[int]:
    """The optimizer steps that a run does, which goes on where an earlier one in *directory* was; *steps* gets them too."""
    done = [] if steps is None else steps

    def told(stream: str, _: Any, step: int) -> None:
        done.extend([step] * (stream == "train"))

    train(directory, "full", train=pace, emit=told, **{"checkpoint_seconds": 1e9, **more})
    return done


def stopped_after(steps: int, directory: Path, pace: dict[str, Any] = PACE, **more: Any) -> None:
    """Preemption after that many further steps, of which the run itself is told first."""

    def told(stream: str, _: Any, step: int) -> None:
        done.extend([step] * (stream == "train"))
        if stream == "train" and len(done) == steps:
            os.kill(os.getpid(), signal.SIGTERM)

    done: list[int] = []
    os.environ[HOLD] = str(steps)
    try:
        with pytest.raises(SystemExit) as end:
            train(directory, "full", train=pace, emit=told, checkpoint_seconds=1e9, **more)
    finally:
        del os.environ[HOLD]
    assert end.value.code == 128 + signal.SIGTERM and len(done) <= steps + 1


def test_a_state_fits_every_strategy(tmp_path):
    whole, moved = (tmp_path / name / "Model" / "a" for name in ("whole", "moved"))
    steps_of(whole)
    moves = [(2, "fsdp"), (3, "deepspeed_zero3"), (3, "fsdp"), (2, "deepspeed_zero2")]
    if not find_spec("deepspeed"):
        moves = [(devices, strategy) for devices, strategy in moves if not strategy.startswith("deepspeed")]
    for devices, strategy in moves:
        stopped_after(5, moved, devices=devices, strategy=strategy)
    steps = steps_of(moved)
    assert steps[0] > 5 * len(moves) and steps == list(range(steps[0], 49))
    first, second = (load_file(directory / "model.safetensors") for directory in (whole, moved))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-5, rtol=1e-4)
    curves = [(directory / "curve.jsonl").read_text().splitlines() for directory in (whole, moved)]
    for ours, theirs in zip(*curves, strict=True):
        assert json.loads(ours) == pytest.approx(json.loads(theirs), rel=1e-3)


@pytest.mark.parametrize(
    "strategy", ["fsdp", *(name for name in ("deepspeed_zero2", "deepspeed_zero3") if find_spec("deepspeed"))]
)
def test_a_divided_run_that_is_killed_ends_as_if_nothing_had_happened(strategy, tmp_path, monkeypatch):
    """SIGKILL of one process, at a preference, whose reference must be that of the start; a state after every step."""
    whole, broken = (tmp_path / name / "Model" / "a" for name in ("whole", "broken"))
    settings: dict[str, Any] = {"pace": PACE | {"epochs": 2}, "objective": DpoConfig(), "rejected": 1}
    settings |= {"devices": 2, "strategy": strategy, "checkpoint_seconds": 0.0}
    steps_of(whole, **settings)
    monkeypatch.setenv(DEATH, "20")
    before: list[int] = []
    with pytest.raises(BelleError, match="training process 1 of 2 ended with SIGKILL"):
        steps_of(broken, steps=before, **settings)
    monkeypatch.delenv(DEATH)
    steps = steps_of(broken, **settings)
    assert len(before) > 4 and steps == list(range(before[-1] + 1, 17))
    for name in ("model.safetensors", "curve.jsonl"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_stopped_run_has_no_more_patience_than_one_that_was_not(strategy, tmp_path):
    """Stopped when it has waited for some looks: all processes go on counting, and end at the same step."""
    pace = {"epochs": 16, "batch": 20, "learning_rate": 2e-2, "keep": "best", "patience": 10, "looks": 48}
    whole, broken = (tmp_path / name / "Model" / "a" for name in ("whole", "broken"))
    two = {"devices": 2, "strategy": strategy}
    steps_of(whole, pace, **two)
    curve = [json.loads(line) for line in (whole / "curve.jsonl").read_text().splitlines()]
    best = min(curve, key=lambda point: point["dev"])["step"]
    assert curve[-1]["step"] == best + 10 < 48
    stopped_after(best + 3, broken, pace, **two)
    steps = steps_of(broken, pace, **two)
    assert steps == list(range(steps[0], best + 11)) and best + 3 < steps[0]
    for name in ("model.safetensors", "curve.jsonl"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), name
