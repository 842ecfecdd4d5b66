"""A model as one plain directory, whatever it is made of."""

from __future__ import annotations

from pathlib import Path

from belle_core.artifacts import Model
from belle_core.stages import StageContext


def merged_directory(context: StageContext) -> Path:
    """Hugging Face directory of the stage's model: a Model's own, else merged weights written into the scratch folder."""
    if (made := context.find(Model)) is not None:
        return made.directory
    from belle_core.training.loading import start
    from belle_core.training.saving import save_model

    directory = context.scratch / "merged"
    directory.mkdir(exist_ok=True)
    model, tokenizer, template = start(context)
    save_model(model, tokenizer, template, directory)
    return directory
