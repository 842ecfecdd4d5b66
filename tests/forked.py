"""Training processes that begin as copies of one that has imported everything, for tests of what they do and not of how they start.

They get what ``python -m belle_core.worker`` gets: environment, standard input that tells of the parent's end, a log.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

EARLY = ["belle_core.training.fit", "belle_full.stage", "belle_lora.stage", "belle_objectives.dpo", "belle_rl.policy"]
EARLY += ["belle_optimizers.muon", "torch.distributed.fsdp", "deepspeed.runtime.zero.muon.muon_optimizer"]
context = get_context("forkserver")
context.set_forkserver_preload(EARLY)  # what is not installed is left out
HOLD, DEATH = "TEST_HOLD", "TEST_DEATH"
"""Optimizer steps after which rank 0 waits for a signal; the forward pass in which the last rank is killed."""


class Forked:
    """What ``subprocess.Popen`` is to :class:`belle_core.processes.Workers`."""

    def __init__(self, command: list[str], *, env: dict[str, str], stdout: Any, **_: Any) -> None:
        assert command[:3] == [sys.executable, "-m", "belle_core.worker"], command
        watched, self.stdin = context.Pipe(duplex=False)
        log = stdout.name if stdout else None
        self._process = context.Process(target=_work, args=(command[3], env, watched, log))
        self._process.start()
        watched.close()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: int) -> None:
        os.kill(self._process.pid or 0, number)


def _work(job: str, env: dict[str, str], watched: Connection, log: str | None) -> None:
    import torch

    from belle_core import worker

    os.environ.clear()
    os.environ.update(env)
    os.setsid()
    os.dup2(watched.fileno(), 0)
    if log:
        file = os.open(log, os.O_WRONLY)
        os.dup2(file, 1)
        os.dup2(file, 2)
    torch.set_num_threads(int(env["OMP_NUM_THREADS"]))
    if HOLD in env:
        worker.Report.emit = _held(worker.Report.emit, int(env[HOLD]))  # type: ignore[method-assign]
    if DEATH in env and int(env["RANK"]) == int(env["WORLD_SIZE"]) - 1:
        from killed_training import die_at

        die_at(f"forward:{env[DEATH]}")
    sys.argv = ["belle_core.worker", job]
    worker.main()


def _held(emit: Callable[..., None], steps: int) -> Callable[..., None]:
    """Reports like *emit*, and then waits for SIGTERM after so many optimizer steps."""
    seen: list[int] = []

    def report(self: Any, stream: str, values: dict[str, float], step: int) -> None:
        seen.extend([step] * (stream == "train"))
        if len(seen) != steps or stream != "train":
            return emit(self, stream, values, step)
        told, before = False, signal.getsignal(signal.SIGTERM)

        def note(*about: Any) -> None:
            nonlocal told
            told = True
            before(*about)  # type: ignore[operator]

        signal.signal(signal.SIGTERM, note)
        emit(self, stream, values, step)
        while not told:
            time.sleep(0.01)

    return report


def replace_start(monkeypatch: Any) -> None:
    """From now on the training processes of this one are forked, each with one thread."""
    from belle_core import processes

    monkeypatch.setattr(processes, "subprocess", SimpleNamespace(Popen=Forked, PIPE=processes.subprocess.PIPE))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
