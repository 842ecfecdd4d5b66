"""Sweeps whose jobs are processes of their own, by submitit's local launcher: what they print, how they fail and are stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from belle_core import run
from belle_core.errors import BelleError
from belle_core.launchers import check_launcher

LOCAL = "hydra/launcher=submitit_local"


@pytest.fixture(autouse=True)
def _submitit():
    pytest.importorskip("submitit", reason='needs pip install "belle[slurm]"')


def test_what_is_missing_is_told_before_anything_starts(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BelleError, match="no srun here"):
        check_launcher(["hydra/launcher=submitit_slurm", "+train=lora"])
    check_launcher([LOCAL])
    monkeypatch.setitem(sys.modules, "hydra_plugins.hydra_submitit_launcher", None)
    with pytest.raises(BelleError, match=r'pip install "belle\[slurm\]"'):
        check_launcher([LOCAL])


def test_failed_jobs_are_told_as_those_of_a_sweep_in_one_process(belle):
    jobs = ["-m", "+data=files", "data.path=here,there"]
    near, far = belle(*jobs), belle(*jobs, LOCAL)
    assert near.returncode == far.returncode == 1
    assert near.stderr == far.stderr and "there is no such file" in far.stderr
    assert all(line in far.stdout for line in near.stdout.splitlines())


@pytest.mark.slow
def test_a_job_that_is_stopped_saves_is_queued_again_and_goes_on(tmp_path, store):
    """SIGUSR2 is what SLURM sends before the time is over. The artifact is that of a run that nobody disturbed."""
    options = ["+data=demo", "data.size=60", "+train=lora", "model=tiny", "train.epochs=6", "trainer.log_every=1"]
    sweep = start([*options, "train.learning_rate=1e-3,2e-3", LOCAL], tmp_path / "output")
    disturbed = wait_for(lambda: next((m for m in logs(store) if steps(m)), None), sweep)
    for process in tasks(sweep):
        process.send_signal(signal.SIGUSR2)
    assert sweep.wait(300) == 0, (tmp_path / "output").read_text()
    said = [path.read_text() for path in store.glob("sweeps/*/.submitit/*/*_0_log.out")]
    assert all(text.count("Requeued job") == 1 for text in said)
    assert steps(disturbed) == sorted(set(steps(disturbed))), "no step was done twice"
    assert (tmp_path / "output").read_text().count("made in") == 4  # data and tokenizer once, two adapters

    for rate in ("1e-3", "2e-3"):
        run([*options, f"train.learning_rate={rate}", f"store={tmp_path / 'calm'}"], quiet=True)
    assert adapters(store) == adapters(tmp_path / "calm")


@pytest.mark.slow
def test_a_killed_job_is_one_line(tmp_path, store):
    sweep = start(["+data=demo", "data.size=60", "+train=lora", "train.epochs=50", LOCAL], tmp_path / "output")
    wait_for(lambda: any(map(steps, logs(store))), sweep)
    for process in tasks(sweep):
        process.kill()
    assert sweep.wait(100) == 1
    text = (tmp_path / "output").read_text()
    assert "belle: a job of the sweep ended without an answer" in text and "Traceback" not in text


def start(arguments: list[str], output: Path) -> subprocess.Popen[bytes]:
    with output.open("w") as file:
        command = [sys.executable, "-m", "belle_core", "-m", *arguments]
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=os.environ)


def wait_for(look, process: subprocess.Popen[bytes]):
    """What *look* finds before the process ends."""
    until = time.monotonic() + 200
    while time.monotonic() < until and process.poll() is None:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError("it never came so far")


def tasks(sweep: subprocess.Popen[bytes]) -> list[psutil.Process]:
    below = psutil.Process(sweep.pid).children(recursive=True)
    return [process for process in below if "submitit.core._submit" in process.cmdline()]


def logs(store: Path) -> list[Path]:
    return sorted(store.glob("runs/*/metrics.jsonl"))


def steps(log: Path) -> list[int]:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    return [line["at"] for line in lines if line.get("stream") == "train" and "lr" in line]


def adapters(store: Path) -> dict[str, bytes]:
    """Weights by fingerprint."""
    return {path.parent.name: path.read_bytes() for path in store.glob("Adapter/*/*.safetensors")}
