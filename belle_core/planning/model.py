"""Which model a step works on, before it exists: its architecture and the section it began with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle_core.artifacts import Artifact, Runnable
from belle_core.checkpoint import is_hub_name
from belle_core.config import ModelConfig
from belle_core.errors import BelleError
from belle_core.smallfiles import read_object


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
    values = _stated(artifact.directory / "config.json") if isinstance(artifact, Runnable) else None
    return KnownModel((_complete(values) if values else None) or before.values, before.section)


def _complete(values: dict[str, Any]) -> dict[str, Any] | None:
    return values if values.get("model_type") and values.get("vocab_size") else None


def _checkpoint_config(config: ModelConfig) -> dict[str, Any] | None:
    """``config.json`` from the directory or, for a name, from the local hub cache; nothing is downloaded."""
    assert config.checkpoint is not None
    path = Path(config.checkpoint).expanduser()
    if path.is_dir():
        return _stated(path / "config.json")
    if config.hub != "huggingface" or not is_hub_name(config.checkpoint):
        return None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(config.checkpoint, "config.json", revision=config.revision)
    return _stated(Path(cached)) if isinstance(cached, str) else None


def _stated(path: Path) -> dict[str, Any] | None:
    """``None`` also for a file that is broken: a plan lists that as a problem."""
    try:
        return read_object(path)
    except BelleError:
        return None
