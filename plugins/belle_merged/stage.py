"""Puts the merged weights, the tokenizer and a model card into one directory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from belle_core import StageContext
from belle_core.artifacts import MANIFEST, Bundle
from belle_core.training.merging import merged_directory
from belle_merged.card import model_card
from belle_merged.config import MergedConfig


def export(config: MergedConfig, context: StageContext) -> Bundle:
    """A directory that plain transformers loads."""
    target = context.directory / "model"
    shutil.rmtree(target, ignore_errors=True)  # a crash may have left half of it
    target.mkdir()
    for path in sorted(merged_directory(context).iterdir()):
        if path.is_file() and path.name != MANIFEST:
            _link_or_copy(path, target / path.name)
    (target / "README.md").write_text(model_card(config.title, context), encoding="utf-8")
    size = sum(path.stat().st_size for path in target.iterdir())
    return Bundle(directory=context.directory, format="huggingface", main="model", size=size)


def _link_or_copy(source: Path, target: Path) -> None:
    """Weights in the store never change, so a hard link is as good as a copy and costs no space."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
