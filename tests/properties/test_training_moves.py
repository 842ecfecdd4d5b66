"""A run that was stopped goes on with other strategies and other numbers of processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

TESTS = Path(__file__).resolve().parent.parent
PACE = {"epochs": 12, "batch": 8, "learning_rate": 1e-4, "ema": 0.95, "keep": "best", "looks": 24}
"""96 optimizer steps."""


def start(directory: Path, **trainer) -> subprocess.Popen[str]:
    shutil.rmtree(directory / "scratch" / "workers", ignore_errors=True)
    options = {"train": PACE, "trainer": {"checkpoint_seconds": 1e9, "log_every": 1, **trainer}}
    command = [sys.executable, str(TESTS / "together.py"), str(directory), "full", json.dumps(options)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def stopped_after(process: subprocess.Popen[str], directory: Path, steps: int) -> None:
    """Preemption after that many further steps."""
    report = directory / "scratch" / "workers" / "0.jsonl"
    until = time.monotonic() + 120
    while not report.is_file() or report.read_bytes().count(b'"train"') < steps:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143, error


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_state_fits_every_strategy(tmp_path):
    whole, moved = (tmp_path / name / "Model" / "a" for name in ("whole", "moved"))
    one = start(whole)
    _, error = one.communicate(timeout=120)
    assert one.returncode == 0, error
    moves = [(2, "fsdp"), (3, "deepspeed_zero3"), (3, "fsdp"), (2, "deepspeed_zero2")]
    if not find_spec("deepspeed"):
        moves = [(devices, strategy) for devices, strategy in moves if not strategy.startswith("deepspeed")]
    for devices, strategy in moves:
        stopped_after(start(moved, devices=devices, strategy=strategy), moved, 5)
    last = start(moved)
    out, error = last.communicate(timeout=120)
    assert last.returncode == 0, error
    steps = json.loads(out.splitlines()[-1])
    assert steps[0] > 5 * len(moves) and steps == list(range(steps[0], 97))
    first, second = (load_file(directory / "model.safetensors") for directory in (whole, moved))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-5, rtol=1e-4)
    curves = [(directory / "curve.jsonl").read_text().splitlines() for directory in (whole, moved)]
    for ours, theirs in zip(*curves, strict=True):
        assert json.loads(ours) == pytest.approx(json.loads(theirs), rel=1e-3)
