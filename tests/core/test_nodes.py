"""Processes that torchrun or SLURM started find each other, and one leads."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from belle_core.config import TrainerConfig
from belle_core.errors import BelleError
from belle_core.nodes import Place, following, place_of
from belle_core.processes import free_port


def test_places():
    assert place_of({}) is None
    torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "GROUP_RANK": "1"}
    assert place_of(torchrun) == Place(3, 4, 1, 1, slurm=False)
    assert place_of(torchrun | {"RANK": "0", "WORLD_SIZE": "1"}) is None
    slurm = {"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8", "SLURM_LOCALID": "1", "SLURM_NODEID": "1"}
    assert place_of(slurm) == Place(5, 8, 1, 1, slurm=True)
    assert place_of({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}) is None  # a batch script, not a step of srun


def test_nodes_that_nobody_started_and_numbers_that_do_not_fit(monkeypatch):
    with pytest.raises(BelleError, match=r"trainer\.nodes=2: start the same command on every machine with torchrun"):
        following(TrainerConfig(nodes=2))
    for name, value in {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "GROUP_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BelleError, match=r"4 processes were started, and trainer\.devices=1 × trainer\.nodes=2 is 2"):
        following(TrainerConfig(nodes=2))


def torchrun(tmp_path, *overrides: str) -> list[subprocess.CompletedProcess[str]]:
    """The same command on two machines, which are both this one."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    command += ["--master-addr=127.0.0.1", f"--master-port={free_port()}"]
    run = [
        "-m",
        "belle_core",
        "+train=full",
        "train.epochs=1",
        "limit=24",
        "trainer.nodes=2",
        "trainer.accelerator=cpu",
    ]
    started = [
        subprocess.Popen(
            [*command, f"--node-rank={node}", *run, *overrides],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for node in (0, 1)
    ]
    outputs = [process.communicate(timeout=240) for process in started]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *output)
        for process, output in zip(started, outputs, strict=True)
    ]


@pytest.mark.slow
def test_two_machines_make_what_one_makes(tmp_path, store, belle):
    failed = torchrun(tmp_path, "train.batch=1")
    assert all(run.returncode for run in failed)
    said = [line for run in failed for line in run.stderr.splitlines() if line.startswith("belle: ")]
    assert (
        len(said) == 1
        and "2 processes (trainer.devices × trainer.nodes) share optimizer steps of 1 examples" in said[0]
    )

    first, second = torchrun(tmp_path)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "[3/3] train: train=full made in" in first.stdout and "train=full" not in second.stdout
    (made,) = store.glob("Model/*/model.safetensors")
    alone = {"BELLE_STORE": str(tmp_path / "alone")}
    assert belle("+train=full", "train.epochs=1", "limit=24", "trainer.accelerator=cpu", env=alone).returncode == 0
    (other,) = (tmp_path / "alone").glob("Model/*/model.safetensors")
    assert made.parent.name == other.parent.name
    weights = load_file(other)
    assert max(float((tensor - weights[name]).abs().max()) for name, tensor in load_file(made).items()) < 1e-5
    assert json.loads((made.parent / "artifact.json").read_text())["facts"]["metrics"]["tokens"] > 0
