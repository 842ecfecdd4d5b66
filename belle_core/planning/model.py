"""Which model a step works on, before it exists: its architecture and the section it began with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle_core.artifacts import Artifact, Runnable
from belle_core.checkpoint import is_hub_name
from belle_core.config import ModelConfig
from belle_core.planning.architecture import Architecture, read_config


@dataclass(frozen=True)
class KnownModel:
    """What is known of a model that a step takes or makes."""

    architecture: Architecture | None
    """``None``: no LLaMA-like model, or its vocabulary is not known yet."""
    section: dict[str, Any]
    """The hashed ``model`` section of the run that it began with, to compare with earlier runs."""
    bits: float | None = None
    """Bits per weight when it is quantized."""

    @property
    def parameters(self) -> int | None:
        return self.architecture.parameters if self.architecture else None


def initial_model(config: ModelConfig, section: dict[str, Any], vocabulary: int | None) -> KnownModel:
    """The model that ``model`` describes; a checkpoint on disk speaks for itself."""
    if config.checkpoint is None:
        return KnownModel(Architecture.of(config.architecture, vocabulary), section)
    return KnownModel(Architecture.of(_checkpoint_config(config) or config.architecture), section)


def made_model(artifact: Artifact | None, before: KnownModel) -> KnownModel:
    """The model of a step that works on *before*; one that is in the store speaks for itself."""
    values = read_config(artifact.directory) if isinstance(artifact, Runnable) else None
    stated = Architecture.of(values) if values else None
    return KnownModel(
        stated or before.architecture, before.section, getattr(artifact, "bits_per_weight", None) or before.bits
    )


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
