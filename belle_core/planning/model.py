"""Which model a step works on, before it exists: its architecture and the section it began with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle_core.artifacts import Artifact, Runnable
from belle_core.checkpoint import is_hub_name
from belle_core.config import ModelConfig


@dataclass(frozen=True)
class KnownModel:
    """What is known of a model that a step takes or makes."""

    values: dict[str, Any] | None
    """Hugging Face config values; ``None``: there are none, or its vocabulary is not known yet."""
    section: dict[str, Any]
    """The hashed ``model`` section of the run that it began with, to compare with earlier runs."""


def initial_model(config: ModelConfig, section: dict[str, Any], vocabulary: int | None) -> KnownModel:
    """The model that ``model`` describes; a checkpoint on disk speaks for itself. ``vocabulary`` is the tokenizer's size."""
    stated = {"max_position_embeddings": config.context_length} | config.architecture
    if config.checkpoint is None:
        stated = stated | {"vocab_size": vocabulary, "max_position_embeddings": config.context_length}
    else:
        stated = _checkpoint_config(config) or stated
    return KnownModel(_complete(stated), section)


def made_model(artifact: Artifact | None, before: KnownModel) -> KnownModel:
    """The model of a step that works on *before*; one that is in the store speaks for itself."""
    values = read_config(artifact.directory) if isinstance(artifact, Runnable) else None
    return KnownModel((_complete(values) if values else None) or before.values, before.section)


def read_config(directory: Path) -> dict[str, Any] | None:
    """``config.json`` of a model's directory, ``None`` when there is none that can be read."""
    try:
        values = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _complete(values: dict[str, Any]) -> dict[str, Any] | None:
    return values if values.get("model_type") and values.get("vocab_size") else None


def _checkpoint_config(config: ModelConfig) -> dict[str, Any] | None:
    """``config.json`` from the directory or, for a name, from the local hub cache; nothing is downloaded."""
    assert config.checkpoint is not None
    path = Path(config.checkpoint).expanduser()
    if path.is_dir():
        return read_config(path)
    if config.hub != "huggingface" or not is_hub_name(config.checkpoint):
        return None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(config.checkpoint, "config.json", revision=config.revision)
    return read_config(Path(cached).parent) if isinstance(cached, str) else None
