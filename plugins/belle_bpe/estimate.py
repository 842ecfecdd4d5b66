"""What ``belle plan`` can say beforehand."""

from __future__ import annotations

from typing import Any

from belle_bpe.config import BpeConfig

FIXED = 3 + 256
"""``<unk>``, ``<s>``, ``</s>`` and a token per byte."""


def estimate(config: BpeConfig, known: dict[str, Any]) -> dict[str, Any]:
    """The number of tokens: the one asked for, or one per character where that many are known."""
    if config.max_piece_length > 1:
        return {"vocabulary": config.vocabulary}
    alphabet = known["inputs"].get("Examples", {}).get("alphabet")
    return {"vocabulary": FIXED + alphabet} if alphabet else {}
