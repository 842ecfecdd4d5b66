"""Encodes a text in pieces that no merge can join, and remembers their ids: the same ids, many times faster.

BPE joins two neighbouring symbols only by a merge ``(left, right)``. Where no merge has a left part that ends with *x* and a right
part that begins with *y*, nothing ever grows across the boundary ``x|y``, so both sides can be encoded alone. In LLaMA's
vocabulary that holds around every Chinese character, and before every space; pieces are then few, and known after a while.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPACE = "▁"
MOST = 200_000
"""Pieces whose ids are remembered."""
LONGEST = 64
"""Characters of a piece that is worth remembering."""
KNOWN_NORMALIZERS = ("Prepend", "Replace", "Precompiled", "Sequence")
"""Normalizers that see nothing but the text."""


class ChunkEncoder:
    """Gives the ids of *backend*, made from *description*, for which :func:`divisible` holds."""

    def __init__(self, backend: Tokenizer, description: dict[str, Any]) -> None:
        self._normalize = _normalize(backend, description.get("normalizer"))
        self._pieces = _pattern(description["model"]["merges"]).findall
        self._ids = _Known(backend.model).__getitem__

    def encode(self, text: str) -> list[int]:
        """Ids of *text*, without special tokens."""
        return list(chain.from_iterable(map(self._ids, self._pieces(self._normalize(text))))) if text else []


class _Known(dict[str, list[int]]):
    """Ids by piece, found out when they are first asked for."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __missing__(self, piece: str) -> list[int]:
        ids = [token.id for token in self.model.tokenize(piece)]
        if len(piece) <= LONGEST and len(self) < MOST:
            self[piece] = ids
        return ids


def _normalize(backend: Tokenizer, normalizer: dict[str, Any] | None) -> Callable[[str], str]:
    """What the normalizer does; LLaMA's two steps in Python, where they cost least."""
    if normalizer is None:
        return lambda text: text
    steps = normalizer["normalizers"] if normalizer["type"] == "Sequence" else [normalizer]
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    if steps == [{"type": "Prepend", "prepend": SPACE}, spaces]:
        return lambda text: SPACE + text.replace(" ", SPACE)
    if steps == [spaces]:
        return lambda text: text.replace(" ", SPACE)
    return backend.normalizer.normalize_str


def divisible(description: dict[str, Any]) -> bool:
    """Whether a tokenizer (its JSON) works on the whole text by merges alone, and so in pieces."""
    model = description["model"]
    return (
        model["type"] == "BPE"
        and description.get("pre_tokenizer") is None
        and _plain(description.get("normalizer"))
        and all(token["special"] for token in description["added_tokens"])  # others are cut out of the text first
        and bool(model.get("byte_fallback"))  # else unknown characters in a row become one token
        and not any(model.get(name) for name in ("dropout", "ignore_merges", "continuing_subword_prefix", "end_of_word_suffix"))
    )  # fmt: skip


def _plain(normalizer: dict[str, Any] | None) -> bool:
    if normalizer is None:
        return True
    return normalizer["type"] in KNOWN_NORMALIZERS and all(map(_plain, normalizer.get("normalizers", ())))


def _pattern(merges: list[list[str]]) -> re.Pattern[str]:
    """Characters that no merge touches, one by one; of the others runs, divided before spaces where no merge crosses there."""
    joined = {left[-1] for left, _ in merges} | {right[0] for _, right in merges}
    across = any(left[-1] != SPACE and right[0] == SPACE for left, right in merges)
    joining = _class(joined)
    if across or SPACE not in joined:
        return re.compile(f"[{joining}]+|[^{joining}]" if joined else ".", re.DOTALL)
    others = _class(joined - {SPACE})
    return re.compile(f"{SPACE}*[{others}]+|{SPACE}+|[^{joining}]" if others else f"{SPACE}+|[^{SPACE}]", re.DOTALL)


def _class(characters: set[str]) -> str:
    return "".join(map(re.escape, sorted(characters)))
