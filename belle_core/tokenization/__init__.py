"""Tokenizers with the same ids in training and in serving: building, training, storing, encoding by segments."""

from __future__ import annotations

from belle_core.tokenization.directory import load_tokenizer, save_tokenizer
from belle_core.tokenization.exact import tokenizer_from_sentencepiece
from belle_core.tokenization.segments import SegmentEncoder
from belle_core.tokenization.training import train_sentencepiece

__all__ = ["SegmentEncoder", "load_tokenizer", "save_tokenizer", "tokenizer_from_sentencepiece", "train_sentencepiece"]
