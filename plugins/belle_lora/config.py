"""Options of ``train=lora``."""

from __future__ import annotations

from dataclasses import dataclass, field

from belle_core.config import TrainConfig, at_least
from belle_core.errors import Invalid


@dataclass
class LoraConfig(TrainConfig):
    """Trains ``B A`` with ``W + alpha / rank * B A`` in chosen layers."""

    rank: int = 8
    """Width of the low-rank update."""
    alpha: float = 16.0
    """The update is scaled by ``alpha / rank``."""
    dropout: float = 0.0
    """Share of the update's inputs set to 0 in training."""
    targets: list[str] = field(default_factory=lambda: ["all-linear"])
    """Names of the layers that get an update; ``all-linear`` takes every linear layer but the output."""
    learning_rate: float = 2e-4
    """Highest learning rate."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, rank=1)
        if self.alpha <= 0:
            raise Invalid("alpha", f"must be above 0, got {self.alpha}", f"必须大于 0，现在是 {self.alpha}")
        if not 0 <= self.dropout < 1:
            raise Invalid(
                "dropout",
                f"must be at least 0 and below 1, got {self.dropout}",
                f"应不小于 0 且小于 1，现在是 {self.dropout}",
            )
        if not self.targets:
            raise Invalid("targets", "must name at least one layer", "至少写一个层名")
