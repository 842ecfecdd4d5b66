"""How the processes of a run share its work; one way per module, by the names of ``belle_core.strategies``."""

from __future__ import annotations

from belle_core.config import TrainerConfig
from belle_core.strategies import processes_of, strategy_of
from belle_core.training.sharing.alone import Alone


def receives(settings: TrainerConfig | None, rank: int) -> bool:
    """Whether the process of that *rank* gets its weights from the first one, and needs none at the start."""
    return settings is not None and rank > 0 and strategy_of(settings).divides


def sharing_of(settings: TrainerConfig, rank: int, *, clip: float) -> Alone:
    """What ``trainer.strategy`` names, for the process of that *rank*; *clip* is the gradient's largest norm."""
    strategy, ranks = strategy_of(settings), processes_of(settings)
    if strategy.family == "ddp":
        from belle_core.training.sharing.ddp import Ddp

        return Ddp(rank, ranks)
    if strategy.family == "fsdp":
        from belle_core.training.sharing.fsdp import Fsdp

        return Fsdp(rank, ranks)
    if strategy.family == "zero":
        from belle_core.training.sharing.zero import Zero

        return Zero(rank, ranks, strategy, clip)
    return Alone(rank, ranks)
