"""Options of ``tokenizer=pretrained``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.config import option


@dataclass
class PretrainedConfig:
    """Takes a tokenizer as it is."""

    path: str | None = option(None, file=True)
    """A ``tokenizer.model`` or a directory with a tokenizer; ``None`` takes the one of ``model.checkpoint``."""
