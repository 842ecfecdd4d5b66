"""Processes that train together begin together, end together, and go on where they were."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from belle_full.config import FullConfig
from belle_objectives.config import SftConfig
from tiny_training import training_context
from together import train

from belle_core import processes, run
from belle_core.config import TrainerConfig
from belle_core.errors import BelleError
from belle_core.jobs import Job
from belle_core.plugins import load_catalog
from belle_core.processes import Workers, write_job
from belle_core.stages import StageContext
from belle_core.strategies import check_trainer, strategy_of
from belle_core.worker import Report, report_path

TESTS = Path(__file__).resolve().parent.parent
PACE = {"train": {"epochs": 15, "batch": 8}, "trainer": {"devices": 2, "checkpoint_seconds": 0.0, "log_every": 1}}
"""120 optimizer steps, a state after each."""


def start(directory: Path, options: dict = PACE) -> subprocess.Popen[str]:
    shutil.rmtree(directory / "scratch" / "workers", ignore_errors=True)  # an earlier run's reports
    command = [sys.executable, str(TESTS / "together.py"), str(directory), "full", json.dumps(options)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Process ids of the workers, rank 0 first."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return sorted(map(int, children))


def after_steps(process: subprocess.Popen[str], directory: Path, steps: int) -> list[int]:
    """Wait until that many optimizer steps were done by this process; returns the ids of the workers."""
    report = directory / "scratch" / "workers" / "0.jsonl"
    until = time.monotonic() + 120
    while not report.is_file() or report.read_bytes().count(b'"train"') < steps:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.02)
    return workers_of(process)


def wait_gone(ids: list[int]) -> bool:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if not any(
            Path(f"/proc/{number}/stat").is_file() and " Z " not in Path(f"/proc/{number}/stat").read_text()
            for number in ids
        ):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
@pytest.mark.usefixtures("forked")
def test_whatever_is_killed_the_same_command_goes_on(tmp_path):
    """What is stopped is real; the run that nobody stops, and the last, are begun from this process."""

    def whole(directory: Path) -> list[int]:
        said = train(directory, "full", train=PACE["train"], **PACE["trainer"])[1]
        return [step for stream, _, step in said if stream == "train"]

    assert whole(tmp_path / "whole" / "Model" / "a") == list(range(1, 121))

    directory = tmp_path / "broken" / "Model" / "a"
    run = start(directory)
    ids = after_steps(run, directory, 10)
    os.kill(ids[1], signal.SIGKILL)
    _, error = run.communicate(timeout=120)
    assert run.returncode == 1 and "training process 1 of 2 ended with SIGKILL" in error
    assert len(error.strip().splitlines()) == 1 and wait_gone(ids)

    run = start(directory)
    ids = after_steps(run, directory, 10)
    run.send_signal(signal.SIGINT)
    _, error = run.communicate(timeout=120)
    assert run.returncode == 130 and "Traceback" not in error and wait_gone(ids)

    run = start(directory)
    ids = after_steps(run, directory, 10)
    run.kill()
    assert wait_gone(ids), "the workers outlived their parent"
    run.communicate()

    run = start(directory)
    ids = after_steps(run, directory, 10)
    run.terminate()
    _, error = run.communicate(timeout=120)
    assert run.returncode == 143 and "Traceback" not in error and wait_gone(ids)

    steps = whole(directory)
    assert steps[0] > 35 and steps == list(range(steps[0], 121))
    for name in ("model.safetensors", "curve.jsonl"):
        assert (directory / name).read_bytes() == (tmp_path / "whole" / "Model" / "a" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("forked")
def test_what_one_process_cannot_do_ends_the_run(tmp_path, monkeypatch):
    """The folder of rank 1 is a file; rank 0 would wait for it for ever."""
    monkeypatch.setattr(processes, "GRACE", 1.0)
    directory = tmp_path / "Model" / "a"
    (directory / "scratch").mkdir(parents=True)
    (directory / "scratch" / "rank1").write_text("in the way")
    with pytest.raises(FileExistsError, match="rank1"):
        train(directory, "full", train=PACE["train"], **PACE["trainer"])


@pytest.mark.slow
def test_too_many_processes_for_a_step_are_named_once(tmp_path):
    run = start(tmp_path / "Model" / "a", {"train": {"batch": 1}, "trainer": {"devices": 2}})
    _, error = run.communicate(timeout=120)
    assert run.returncode == 1
    assert [line for line in error.splitlines() if line] == [
        "belle: 2 processes (trainer.devices × trainer.nodes) share optimizer steps of 1 examples; "
        "raise train.batch, take more data, or fewer devices"
    ]


def test_a_job_survives_its_file(tmp_path):
    context = training_context(tmp_path / "s" / "Model" / "a", devices=2)
    stage, section = load_catalog().stages["train", "full"], FullConfig(objective=SftConfig(), epochs=0.5)
    job = Job.read(write_job(stage, section, context))
    again = job.context(1)
    assert job.section == section and again.shared == context.shared and again.inputs == context.inputs
    assert again.scratch == context.directory / "scratch" / "rank1" and (job.kind, job.name) == ("train", "full")


def test_the_first_mistake_that_a_user_can_fix_is_told(tmp_path):
    (tmp_path / "workers").mkdir()
    said = []
    context = StageContext(tmp_path, {}, {}, emit=lambda *about: said.append(about))
    workers = Workers(tmp_path / "job.json", [{"RANK": "0"}, {"RANK": "1"}], context)
    zero, one = (Report(report_path(tmp_path / "job.json", rank)) for rank in (0, 1))
    zero.emit("train", {"loss": 1.5}, 3)
    zero.write(crash="Traceback …\nConnectionError: closed by peer", time=2.0)
    one.write(error=["the loss is nan", "损失为 nan"], time=3.0)
    workers._pass_on()
    assert said == [("train", {"loss": 1.5}, 3)]
    with pytest.raises(BelleError, match="the loss is nan"):
        workers._outcome()


def test_a_full_disk_of_a_worker_is_a_full_disk(tmp_path):
    (tmp_path / "workers").mkdir()
    workers = Workers(tmp_path / "job.json", [{"RANK": "0"}], StageContext(tmp_path, {}, {}))
    Report(report_path(tmp_path / "job.json", 0)).write(crash="…", time=1.0, errno=28, file="/s/x")
    with pytest.raises(OSError, match="No space left"):
        workers._outcome()


@pytest.mark.parametrize(
    ("options", "family"),
    [
        ({}, "single"),
        ({"devices": 2}, "ddp"),
        ({"nodes": 2}, "ddp"),
        ({"devices": 2, "strategy": "fsdp"}, "fsdp"),
        ({"devices": 2, "strategy": "deepspeed_zero3_offload"}, "zero"),
        ({"devices": 2, "strategy": "deepspeed_stage_3_offload"}, "zero"),
    ],
)
def test_names_of_strategies(options, family):
    assert strategy_of(TrainerConfig(**options)).family == family


def test_more_gpus_than_there_are(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    check_trainer(TrainerConfig(devices=2))
    for accelerator in ("auto", "cuda"):
        with pytest.raises(BelleError, match=r"trainer\.devices=4: this machine has 2 GPUs"):
            check_trainer(TrainerConfig(devices=4, accelerator=accelerator))
    check_trainer(TrainerConfig(devices=4, accelerator="cpu"))


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    for accelerator in ("cuda", "gpu"):
        with pytest.raises(BelleError, match=f"trainer.accelerator={accelerator}: this machine has no GPU"):
            check_trainer(TrainerConfig(accelerator=accelerator))
    check_trainer(TrainerConfig())


@pytest.mark.parametrize("made", [False, True])
def test_more_processes_than_examples_are_refused_before_any_is_started(tmp_path, monkeypatch, made):
    (tmp_path / "few.jsonl").write_text(
        "".join(json.dumps({"instruction": f"{n} + 1?", "output": str(n + 1)}) + "\n" for n in range(4))
    )
    monkeypatch.setenv("BELLE_STORE", str(tmp_path / "store"))
    data = ["+data=files", f"data.path={tmp_path / 'few.jsonl'}"]
    if made:
        run(data, quiet=True)
    with pytest.raises(BelleError, match=r"5 processes .* share optimizer steps of 4 examples"):
        run([*data, "+train=full", "model=tiny", "trainer.devices=5", "trainer.accelerator=cpu"], quiet=True)
    assert not list((tmp_path / "store").glob("*/*/scratch/job.json"))
