"""Trains the rows that stand for tokens; an adapter to start from is merged first."""

from __future__ import annotations

from belle_core import StageContext
from belle_core.artifacts import Model, RewardModel
from belle_core.training.fit import fit
from belle_core.training.loading import load_start
from belle_core.training.precision import weights_dtype
from belle_core.training.saving import save_trained
from belle_embeddings.config import EmbeddingsConfig


def train(config: EmbeddingsConfig, context: StageContext) -> Model | RewardModel:
    """The model with new embeddings, stored in the format that it had; everything else stays bit for bit."""
    setting = context.shared["trainer"].precision
    loaded = load_start(context, dtype=lambda stored: weights_dtype(setting, stored, frozen=False))
    model = config.prepared(loaded.model, context.shared["seed"])
    metrics = fit(model, loaded, config, context)
    return save_trained(loaded, metrics, context.directory)
