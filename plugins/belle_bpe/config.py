"""Options of ``tokenizer=bpe``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.config import at_least


@dataclass
class BpeConfig:
    """Learns its pieces from the training split."""

    vocabulary: int = 8000
    """Largest number of tokens, the 256 byte tokens and 3 special ones included."""
    max_piece_length: int = 16
    """Longest piece, in characters; 1 makes every character a token."""

    def __post_init__(self) -> None:
        at_least(self, vocabulary=300, max_piece_length=1)
