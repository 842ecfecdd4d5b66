"""Options of ``train=freeze``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from belle_core.config import TrainConfig, at_least


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

    def prepared(self, model: Any, seed: int) -> Any:
        """Frozen but for its end."""
        from belle_freeze.frozen import freeze

        freeze(model, self)
        return model
