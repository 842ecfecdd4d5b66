"""Options of ``train=embeddings``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from belle_core.config import TrainConfig


@dataclass
class EmbeddingsConfig(TrainConfig):
    """Trains the word embeddings; every other weight is frozen."""

    output: bool = True
    """Train the embeddings of the output layer, too, where they are a matrix of their own (LLaMA); else new tokens can
    be read but not told apart when they are to be written. Tied embeddings are one matrix and train as such."""
    epochs: float = 1.0
    """Passes over the training examples."""
    learning_rate: float = 1e-4
    """Highest learning rate."""

    def prepared(self, model: Any, seed: int) -> Any:
        """Frozen but for its tables."""
        from belle_embeddings.frozen import freeze

        freeze(model, output=self.output)
        return model
