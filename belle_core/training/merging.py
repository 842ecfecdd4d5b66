"""Full weights as a directory, for stages that work on files."""

from __future__ import annotations

from pathlib import Path

from belle_core import StageContext
from belle_core.artifacts import Model
from belle_core.training.loading import load_start
from belle_core.training.saving import save_model


def merged_directory(context: StageContext) -> Path:
    """A Hugging Face directory of what the stage starts from.

    A Model's own directory; for an adapter, or for the initial model, one written into the stage's scratch folder.
    """
    if (model := context.find(Model)) is not None:
        return model.directory
    directory = context.scratch / "merged"
    directory.mkdir(exist_ok=True)
    save_model(load_start(context), directory)
    return directory
