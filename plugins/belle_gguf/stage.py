"""Merges what has to be merged and writes the GGUF file."""

from __future__ import annotations

from belle_core import StageContext
from belle_core.artifacts import Bundle
from belle_core.training.merging import merged_directory
from belle_gguf.config import GgufConfig
from belle_gguf.export import export_gguf


def export(config: GgufConfig, context: StageContext) -> Bundle:
    """The model as one file; what is written is read back and compared before it counts."""
    target = context.directory / config.file
    facts = export_gguf(merged_directory(context), target, dtype=config.dtype, name="belle")
    context.emit(
        "deploy", {k: v for k, v in facts.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}, 0
    )
    return Bundle(directory=context.directory, format="gguf", main=config.file, size=target.stat().st_size)
