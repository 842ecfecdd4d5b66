"""Several machines: the same command is started once per process, by torchrun or by SLURM; the first one leads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from belle_core.config import TrainerConfig
from belle_core.errors import BelleError
from belle_core.strategies import processes_of

TORCHRUN = {"rank": "RANK", "ranks": "WORLD_SIZE", "local": "LOCAL_RANK", "node": "GROUP_RANK"}
SLURM = {"rank": "SLURM_PROCID", "ranks": "SLURM_STEP_NUM_TASKS", "local": "SLURM_LOCALID", "node": "SLURM_NODEID"}


@dataclass(frozen=True)
class Place:
    """Which of the processes that were started from outside this one is."""

    rank: int
    ranks: int
    local: int
    node: int
    slurm: bool

    def environment(self, address: str, port: int) -> dict[str, str]:
        """torchrun's variables for this place and a meeting point."""
        values = {"RANK": self.rank, "WORLD_SIZE": self.ranks, "LOCAL_RANK": self.local, "GROUP_RANK": self.node}
        return {name: str(value) for name, value in values.items()} | {"MASTER_ADDR": address, "MASTER_PORT": str(port)}


def place_of(environment: Mapping[str, str] = os.environ) -> Place | None:
    """The place that torchrun or srun gave this process; ``None`` when it was started alone."""
    for names, slurm in ((TORCHRUN, False), (SLURM, True)):
        if all(name in environment for name in names.values()) and int(environment[names["ranks"]]) > 1:
            return Place(**{field: int(environment[name]) for field, name in names.items()}, slurm=slurm)
    return None


leading: Any = None
"""The meeting that this process leads, while it does."""


def following(trainer: TrainerConfig) -> bool:
    """Take part in what another process leads, to its end; ``False`` at once where this process leads or is alone.

    Raises ``BelleError`` when processes and settings do not fit, ``SystemExit`` when the run failed elsewhere.
    """
    place = place_of()
    if place is None:
        if trainer.nodes > 1:
            raise BelleError(
                f"trainer.nodes={trainer.nodes}: start the same command on every machine with torchrun or srun; docs/distributed.md shows how",
                f"trainer.nodes={trainer.nodes}：请在每台机器上用 torchrun 或 srun 启动同一命令；参见 docs/distributed.md",
            )
        return False
    if place.ranks != processes_of(trainer):
        raise BelleError(
            f"{place.ranks} processes were started, and trainer.devices={trainer.devices} × trainer.nodes={trainer.nodes} is {processes_of(trainer)}",
            f"启动了 {place.ranks} 个进程，而 trainer.devices={trainer.devices} × trainer.nodes={trainer.nodes} 为 {processes_of(trainer)}",
        )
    if place.rank == 0:
        return False
    from belle_core.training.meeting import Meeting

    if status := Meeting(place).follow():
        raise SystemExit(status)
    return True


@contextmanager
def led() -> Iterator[None]:
    """Inside, the processes that follow carry out each training step together with this one."""
    global leading
    place = place_of()
    if place is None:
        yield
        return
    from belle_core.training.meeting import Meeting

    leading, status = Meeting(place), 1
    try:
        yield
        status = 0
    finally:
        leading.end(status)
        leading = None
