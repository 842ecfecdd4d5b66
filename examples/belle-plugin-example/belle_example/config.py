"""Options of ``train=bitfit``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.config import TrainConfig


@dataclass
class BitfitConfig(TrainConfig):
    """Trains the vectors of a model, its biases and norms; the matrices stay (BitFit, arXiv 2106.10199)."""

    norms: bool = True
    """Train the scales of norms as well as biases; LLaMA has no biases, so it needs them."""
    learning_rate: float = 1e-3
    """Highest learning rate; far above that of full tuning, since so few weights train."""
