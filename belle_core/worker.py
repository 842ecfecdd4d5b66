"""One of the processes that carry out a training step together: ``python -m belle_core.worker <job.json>``.

Its place among them is in the environment (``RANK``, ``LOCAL_RANK``, ``WORLD_SIZE``, ``MASTER_ADDR``, ``MASTER_PORT``). It
reports in lines of JSON, and ends when the process that started it ends.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from belle_core.errors import BelleError
from belle_core.jobs import Job, plain

WATCHED = "BELLE_WATCHED"
"""Set by a parent that holds the other end of standard input."""


class Report:
    """Lines of JSON for the parent: metrics, then the artifact or an error."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, **line: Any) -> None:
        """One line; whole or, when the process is killed, not at all read."""
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def emit(self, stream: str, values: dict[str, float], step: int) -> None:
        """Metrics, as ``StageContext.emit`` takes them."""
        self.write(stream=stream, values={name: float(value) for name, value in values.items()}, step=step)

    def show(self, answers: list[dict[str, str]], step: int) -> None:
        """Answers, as ``StageContext.show`` takes them."""
        self.write(answers=answers, step=step)


def report_path(job: Path, rank: int) -> Path:
    """Where the process of that rank reports."""
    return job.parent / "workers" / f"{rank}.jsonl"


def work(path: Path, rank: int) -> int:
    """Carry out the job; returns the exit status."""
    report = Report(report_path(path, rank))
    try:
        from belle_core.plugins import load_catalog

        job = Job.read(path)
        stage = load_catalog().stages[job.kind, job.name]
        context = job.context(rank, **({"emit": report.emit, "show": report.show} if rank == 0 else {}))
        artifact = stage.load()(job.section, context)
        if rank == 0:
            report.write(artifact=plain(artifact))
        return 0
    except BelleError as error:
        report.write(error=[error.english, error.chinese], time=time.time())
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:  # SIGTERM: the state is saved
        return int(end.code or 0)
    except Exception as error:
        disk = {"errno": error.errno, "file": error.filename} if isinstance(error, OSError) else {}
        report.write(crash=traceback.format_exc(), time=time.time(), **disk)
        return 1


def end_with_parent() -> None:
    """Leave at once when the other end of standard input is closed, which even SIGKILL of the parent does."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Entry point."""
    from belle_core.cli import share_cores

    if os.environ.pop(WATCHED, None):
        end_with_parent()
    share_cores()
    status = work(Path(sys.argv[1]), int(os.environ["RANK"]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # threads of communication libraries must not keep a process alive that is done


if __name__ == "__main__":
    main()
