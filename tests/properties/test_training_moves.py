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


def start(directory: Path, pace: dict = PACE, dpo: bool = False, **trainer) -> subprocess.Popen[str]:
    shutil.rmtree(directory / "scratch" / "workers", ignore_errors=True)
    options = {"train": pace, "dpo": dpo, "trainer": {"checkpoint_seconds": 1e9, "log_every": 1, **trainer}}
    command = [sys.executable, str(TESTS / "together.py"), str(directory), "full", json.dumps(options)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(process: subprocess.Popen[str], directory: Path, steps: int) -> None:
    report = directory / "scratch" / "workers" / "0.jsonl"
    until = time.monotonic() + 120
    while not report.is_file() or report.read_bytes().count(b'"train"') < steps:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.01)


def stopped_after(process: subprocess.Popen[str], directory: Path, steps: int) -> None:
    """Preemption after that many further steps."""
    wait_for(process, directory, steps)
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


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    "strategy", ["fsdp", *(name for name in ("deepspeed_zero2", "deepspeed_zero3") if find_spec("deepspeed"))]
)
def test_a_divided_run_that_is_killed_ends_as_if_nothing_had_happened(strategy, tmp_path):
    """SIGKILL of one process, at a preference, whose reference must be that of the start; a state after every step."""
    whole, broken = (tmp_path / name / "Model" / "a" for name in ("whole", "broken"))
    settings = {
        "pace": PACE | {"epochs": 4},
        "dpo": True,
        "devices": 2,
        "strategy": strategy,
        "checkpoint_seconds": 0.0,
    }
    one = start(whole, **settings)
    _, error = one.communicate(timeout=240)
    assert one.returncode == 0, error
    run = start(broken, **settings)
    wait_for(run, broken, 10)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    os.kill(max(map(int, children)), signal.SIGKILL)
    _, error = run.communicate(timeout=60)
    assert run.returncode == 1 and "training process 1 of 2 ended with SIGKILL" in error
    last = start(broken, **settings)
    out, error = last.communicate(timeout=240)
    assert last.returncode == 0, error
    steps = json.loads(out.splitlines()[-1])
    assert steps[0] > 9 and steps == list(range(steps[0], 33))
    for name in ("model.safetensors", "curve.jsonl"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_stopped_run_has_no_more_patience_than_one_that_was_not(strategy, tmp_path):
    """Stopped when it has waited for some looks: all processes go on counting, and end at the same step."""
    pace = {"epochs": 16, "batch": 20, "learning_rate": 2e-2, "keep": "best", "patience": 10, "looks": 48}
    whole, broken = (tmp_path / name / "Model" / "a" for name in ("whole", "broken"))
    one = start(whole, pace, devices=2, strategy=strategy)
    _, error = one.communicate(timeout=120)
    assert one.returncode == 0, error
    curve = [json.loads(line) for line in (whole / "curve.jsonl").read_text().splitlines()]
    best = min(curve, key=lambda point: point["dev"])["step"]
    assert curve[-1]["step"] == best + 10 < 48
    stopped_after(start(broken, pace, devices=2, strategy=strategy), broken, best + 3)
    last = start(broken, pace, devices=2, strategy=strategy)
    out, error = last.communicate(timeout=120)
    assert last.returncode == 0, error
    steps = json.loads(out.splitlines()[-1])
    assert steps == list(range(steps[0], best + 11)) and best + 3 < steps[0]
    for name in ("model.safetensors", "curve.jsonl"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), name
