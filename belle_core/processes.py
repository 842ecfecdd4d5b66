"""Starts the processes that train together, and sees to it that they end together."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from belle_core import nodes
from belle_core.artifacts import Artifact
from belle_core.config import TrainerConfig
from belle_core.errors import BelleError
from belle_core.jobs import Job, restored
from belle_core.stages import Stage, StageContext
from belle_core.stopping import stops
from belle_core.worker import WATCHED, report_path

GRACE = 10.0
"""Seconds that the others get to end by themselves after one has failed; they may be waiting for it for ever."""
LOOK = 0.1  # seconds


def carry_out(stage: Stage, section: Any, context: StageContext) -> Artifact:
    """What ``stage.load()(section, context)`` returns, made by ``trainer.devices`` processes.

    Raises ``BelleError`` for what one of them says, ``KeyboardInterrupt`` or ``SystemExit`` when told to stop.
    """
    path = write_job(stage, section, context)
    settings: TrainerConfig = context.shared["trainer"]
    places = [nodes.leading.lead(path)] if nodes.leading else environments(settings)
    return Workers(path, places, context).run()


def write_job(stage: Stage, section: Any, context: StageContext) -> Path:
    """The job as a file; reports of an earlier try are gone."""
    path = context.scratch / "job.json"
    shutil.rmtree(path.parent / "workers", ignore_errors=True)
    (path.parent / "workers").mkdir()
    Job.of(stage, section, context).write(path)
    return path


def environments(settings: TrainerConfig) -> list[dict[str, str]]:
    """The place of each process on this machine, in the variables that torchrun sets."""
    world = settings.devices
    common = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [common | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(world)]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("", 0))
        port: int = found.getsockname()[1]
        return port


class Workers:
    """Processes of one job on this machine."""

    def __init__(self, job: Path, places: list[dict[str, str]], context: StageContext) -> None:
        self.job, self.places, self.context = job, places, context
        self.processes: list[subprocess.Popen[bytes]] = []
        self.stopped_by: int | None = None
        self.codes: list[int | None] = []
        """How each ended, ``None`` for those that this process had to end."""
        self._read = 0  # bytes of rank 0's report that were passed on

    def run(self) -> Artifact:
        """Wait for all of them; returns the artifact that rank 0 reports."""
        self.follow()
        self._pass_on()
        return self._outcome()

    def follow(self) -> None:
        """Start them and wait until they have ended, whatever comes of it."""
        with self._signals():
            try:
                for place in self.places:
                    self.processes.append(self._start(place))
                self._wait()
            finally:
                self._kill()

    def _start(self, place: dict[str, str]) -> subprocess.Popen[bytes]:
        threads = max(1, (os.cpu_count() or 1) // len(self.places))
        around = {name: value for name, value in os.environ.items() if not name.startswith("TORCHELASTIC_")}
        environment = {"OMP_NUM_THREADS": str(threads)} | around | place | {WATCHED: "1"}
        log = None if place["RANK"] == "0" else (self.job.parent / "workers" / f"{place['RANK']}.log").open("wb")
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "belle_core.worker", str(self.job)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches them through this process, once
            )
        finally:
            if log:
                log.close()

    def _wait(self) -> None:
        deadline = math.inf
        while True:
            self._pass_on()
            self.codes = [process.poll() for process in self.processes]
            if any(self.codes) or self._failed_elsewhere():
                deadline = min(deadline, time.monotonic() + GRACE)
            if None not in self.codes or time.monotonic() > deadline or (any(self.codes) and self._explained()):
                return
            time.sleep(LOOK)

    def _failed_elsewhere(self) -> bool:
        """Whether a process on another machine has said that it failed."""
        others = int(self.places[0].get("WORLD_SIZE", "0")) > len(self.places)
        return others and any("artifact" not in report for report in self._reports())

    def _explained(self) -> bool:
        """Whether it is known what went wrong, so that there is nothing to wait for."""
        return self.stopped_by is None and any("error" in report for report in self._reports())

    def _kill(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for process in self.processes:
            process.wait()
            assert process.stdin
            process.stdin.close()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Pass signals to stop on, so that all save and end; only the main thread may."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in stops()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _: Any) -> None:
        self.stopped_by = number
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)

    def _pass_on(self) -> None:
        """Metrics and answers that rank 0 has reported since."""
        for line in self._new_lines():
            if "stream" in line:
                self.context.emit(line["stream"], line["values"], line["step"])
            elif "answers" in line:
                self.context.show(line["answers"], line["step"])

    def _new_lines(self) -> list[dict[str, Any]]:
        path = report_path(self.job, 0)
        if not path.is_file():
            return []
        with path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def _reports(self) -> list[dict[str, Any]]:
        """The last word of each process that said one, the earliest first."""
        paths = sorted(report_path(self.job, 0).parent.glob("*.jsonl"))
        texts = [path.read_bytes() for path in paths if path.is_file()]
        lines = [json.loads(text[: text.rfind(b"\n")].splitlines()[-1]) for text in texts if b"\n" in text]
        return sorted((line for line in lines if "step" not in line), key=lambda line: line.get("time", 0))

    def _outcome(self) -> Artifact:
        reports = self._reports()
        if made := [report["artifact"] for report in reports if "artifact" in report]:
            artifact: Artifact = restored(made[0])
            return artifact
        if self.stopped_by == signal.SIGINT:
            raise KeyboardInterrupt
        if self.stopped_by is not None:
            raise SystemExit(128 + self.stopped_by)
        told = [report for report in reports if "error" in report]
        killed = any((code or 0) < 0 for code in self.codes)  # what the others say then is only that it is gone
        raise _error(told[0]) if told else self._silent() if killed or not reports else _error(reports[0])

    def _silent(self) -> BelleError:
        """The error for a process that ended without a word, such as one that the system killed for its memory."""
        codes = [code or 0 for code in self.codes]
        code = min(codes) or max(codes)
        rank = codes.index(code)
        how = signal.Signals(-code).name if code < 0 else f"status {code}"
        log = report_path(self.job, rank).with_suffix(".log")
        more = f"; its output: {log}" if log.is_file() and log.stat().st_size else ""
        return BelleError(
            f"training process {rank} of {len(codes)} ended with {how} (SIGKILL often means that memory ran out); "
            f"the same command goes on from the last saved state{more}",
            f"第 {rank} 个训练进程（共 {len(codes)} 个）以 {how} 结束（SIGKILL 通常表示内存不足）；重复同一命令会从最近保存的状态继续{more}",
        )


def _error(report: dict[str, Any]) -> BaseException:
    if "error" in report:
        return BelleError(*report["error"])
    if report.get("errno") is not None:
        return OSError(report["errno"], os.strerror(report["errno"]), report["file"])
    return RuntimeError(f"a training process failed:\n{report['crash']}")
