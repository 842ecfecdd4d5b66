"""Launchers whose jobs run elsewhere, as submitit's on SLURM: what is missing, what the jobs print, and their being stopped."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from belle_core.errors import BelleError

EXTRAS = {"joblib": "sweep", "submitit_local": "slurm", "submitit_slurm": "slurm"}
"""By launcher, the optional dependency group that brings it."""
NOISE = "submitit INFO ("
"""How lines begin that say nothing of the run."""
LOOK = 0.5  # seconds


def check_launcher(overrides: Iterable[str]) -> None:
    """Raise ``BelleError`` when the launcher that *overrides* choose is not installed, or cannot work on this machine."""
    for name in (o.partition("=")[2] for o in overrides if o.startswith("hydra/launcher=")):
        if name not in EXTRAS:
            continue  # another one, which Hydra finds or not
        try:
            import_module(f"hydra_plugins.hydra_{name.partition('_')[0]}_launcher")
        except ModuleNotFoundError as error:
            install = f'pip install "belle[{EXTRAS[name]}]"'
            raise BelleError(
                f"hydra/launcher={name} is not installed: {install}", f"未安装 hydra/launcher={name}：{install}"
            ) from error
        if name == "submitit_slurm" and not shutil.which("srun"):
            raise BelleError(
                "hydra/launcher=submitit_slurm: there is no srun here; start the sweep on a machine of the cluster, "
                "or try it with hydra/launcher=submitit_local",
                "hydra/launcher=submitit_slurm：此处没有 srun；请在集群的机器上启动，或用 hydra/launcher=submitit_local 试运行",
            )


def explained(error: Exception) -> BelleError | None:
    """What submitit says of a job that was killed, in one line; ``None`` for any other error."""
    if type(error).__name__ != "UncompletedJobError":
        return None
    words = " ".join(str(error).partition("\n-")[0].split())
    return BelleError(f"a job of the sweep ended without an answer: {words}", f"有任务结束但没有返回结果：{words}")


class Relay(Callback):
    """Shows what jobs print that write into files, as a sweep in this process would. Sent to the jobs, so it has no state."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Hydra's own call, before the first job."""
        if folder := config.hydra.launcher.get("submitit_folder"):
            _followed.append(Path(folder.partition("%")[0]))
            print(f"jobs write into {_followed[-1]}", flush=True)


_followed: list[Path] = []


@contextmanager
def relayed() -> Iterator[None]:
    """Inside, and until all is shown, the output of jobs that :class:`Relay` knows of is printed line by line."""
    done, shown = threading.Event(), dict[Path, int]()

    def follow() -> None:
        while not done.wait(LOOK):
            _show(shown)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _show(shown)
        _followed.clear()


def _show(shown: dict[Path, int]) -> None:
    """Print the whole lines of the first process of each job that are new since the last call."""
    for path in sorted(path for folder in _followed for path in folder.glob("*/*_0_log.out")):
        with path.open("rb") as file:
            file.seek(shown.get(path, 0))
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        shown[path] = shown.get(path, 0) + len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            if not line.startswith(NOISE):
                print(line, flush=True)


@contextmanager
def saved_before_the_end() -> Iterator[None]:
    """In a job of submitit's, the signal that the time is nearly over, or that the job must make room, lets a training save
    and stop as SIGTERM does; only then submitit's own handler queues the job again."""
    number = getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}", None)
    again = signal.getsignal(number) if number and "SUBMITIT_FOLDER" in os.environ else None
    if number is None or not callable(again):
        yield
        return
    idle = signal.getsignal(signal.SIGTERM)  # submitit's handler, which does nothing; whoever trains has another
    saving = False

    def stop(*_: Any) -> None:
        nonlocal saving
        if signal.getsignal(signal.SIGTERM) == idle:
            again(number, None)
        else:
            saving = True
            signal.raise_signal(signal.SIGTERM)

    signal.signal(number, stop)
    try:
        yield
    except SystemExit:
        if not saving:
            raise
        again(number, None)  # ends the process; on machines that only follow it returns
    finally:
        signal.signal(number, again)
