"""Trains the vectors of a model through the loop that all methods share."""

from __future__ import annotations

from belle_core import StageContext
from belle_core.artifacts import Model
from belle_core.training.fit import fit
from belle_core.training.loading import load_start
from belle_core.training.precision import weights_dtype
from belle_core.training.saving import save_model
from belle_example.config import BitfitConfig
from belle_example.vectors import freeze_matrices


def train(config: BitfitConfig, context: StageContext) -> Model:
    """The tuned model; ``trainable`` among its metrics counts the weights that were trained."""
    setting = context.shared["trainer"].precision
    loaded = load_start(context, dtype=lambda stored: weights_dtype(setting, stored, frozen=False))
    trainable = freeze_matrices(loaded.model, norms=config.norms)
    metrics = fit(loaded.model, loaded, config, context)
    save_model(loaded, context.directory)
    return Model(
        directory=context.directory, parameters=loaded.parameters, metrics=metrics | {"trainable": float(trainable)}
    )
