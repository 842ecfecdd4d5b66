"""Options of ``train=full``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.config import TrainConfig


@dataclass
class FullConfig(TrainConfig):
    """Trains every weight."""

    learning_rate: float = 1e-5
    """Highest learning rate."""
