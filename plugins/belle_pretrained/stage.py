"""Copies the model's own tokenizer into the standard layout."""

from __future__ import annotations

from pathlib import Path

from belle_core import StageContext
from belle_core.artifacts import Tokenizer
from belle_core.checkpoint import fetch
from belle_core.tokenization import load_tokenizer, save_tokenizer, tokenizer_from_sentencepiece
from belle_pretrained.config import PretrainedConfig


def take(config: PretrainedConfig, context: StageContext) -> Tokenizer:
    """The tokenizer with the ids that it has at its source."""
    source = Path(config.path).expanduser() if config.path else fetch(context.shared["model"], weights=False)
    model = source if source.is_file() else source / "tokenizer.model"
    tokenizer = tokenizer_from_sentencepiece(source) if source.is_file() else load_tokenizer(source)
    save_tokenizer(tokenizer, context.directory, model if model.is_file() else None)
    return Tokenizer(directory=context.directory, vocabulary=len(tokenizer))
