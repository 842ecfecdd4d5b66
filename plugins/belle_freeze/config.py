"""Options of ``train=freeze``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from belle_core.config import TrainConfig, at_least

if TYPE_CHECKING:
    from belle_core.planning.architecture import Architecture, Weight


@dataclass
class FreezeConfig(TrainConfig):
    """Trains the last layers."""

    layers: int = 2
    """Number of layers (blocks) that train, counted from the output."""
    norm: bool = False
    """Train the norm after the last layer, too."""
    head: bool = False
    """Train the output layer, too; where it shares its weights with the word embeddings, these change with it."""
    learning_rate: float = 1e-5
    """Highest learning rate."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, layers=1)

    def trained(self, model: Architecture) -> list[Weight]:
        """The last blocks, and what stands behind them where it trains, too."""
        *_, norm = model.weights()
        tables = [weight for weight in model.weights() if weight.role == "embedding"]
        ends = ([tables[-1]] if self.head else []) + ([norm] if self.norm else [])
        return [*ends, *model.block(min(self.layers, model.layers))]
