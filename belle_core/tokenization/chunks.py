"""Encodes texts in pieces that no merge can join, and remembers their ids: the same ids, many times faster.

BPE joins two neighbouring symbols only by a merge ``(left, right)``. Where no merge has a left part that ends with *x* and a right
part that begins with *y*, nothing ever grows across the boundary ``x|y``, so both sides can be encoded alone. In LLaMA's
vocabulary that holds around every Chinese character, and before every space; pieces are then few, and known after a while.
Many texts are encoded at once: as one array of characters, which becomes one of pieces, which becomes one of ids.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any

import numpy as np

SPACE = "▁"
MOST = 2_000_000
"""Characters of the pieces that are remembered; then all are forgotten and learned again."""
KNOWN_NORMALIZERS = ("Prepend", "Replace", "Precompiled", "Sequence")
"""Normalizers that see nothing but the text."""
NEW = -1
"""A character that has not yet been met as a piece."""
CHARACTERS = 0x110000


class ChunkEncoder:
    """Gives the ids of *model*, a BPE with these *merges*, of a tokenizer for which :func:`divisible` holds."""

    def __init__(self, model: Any, merges: Sequence[Sequence[str]]) -> None:
        self._model = model
        lefts, rights = {left[-1] for left, _ in merges}, {right[0] for _, right in merges}
        self._joining = np.zeros(CHARACTERS, bool)  # what may stand in a piece with others
        self._joining[list(map(ord, lefts | rights))] = True
        across = SPACE in rights and any(right[0] == SPACE and left[-1] != SPACE for left, right in merges)
        self._divides_before_space = not across and SPACE in lefts | rights
        self._lock = Lock()  # what is remembered is shared by all threads
        self._forget()

    def encode(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all *texts* (normalized already), one after another (int32), and how many each has (int64)."""
        with self._lock:
            return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        whole = "".join(texts)
        characters = np.frombuffer(whole.encode("utf-32-le"), np.uint32)
        ends = lengths.cumsum()
        pieces, begins = self._pieces(whole, characters, ends - lengths)
        known, firsts, how_many = (np.frombuffer(each, np.int32) for each in (self._ids, self._firsts, self._counts))
        counts = how_many[pieces]
        until = np.concatenate([[0], counts.cumsum(dtype=np.int64)])
        ids = known[np.repeat(firsts[pieces] - until[:-1], counts) + np.arange(until[-1])]
        bounds = until[begins.searchsorted(np.concatenate([[0], ends]))]
        if self._remembered > MOST:
            self._forget()
        return ids, np.diff(bounds)

    def _pieces(self, whole: str, characters: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The number of each piece and the character at which it begins; *starts* are those at which a text begins."""
        joining = self._joining[characters]
        begin = ~joining
        begin[1:] |= ~joining[:-1]
        begin[starts[starts < len(begin)]] = True
        if self._divides_before_space:
            space = characters == ord(SPACE)
            begin[1:] |= space[1:] & ~space[:-1]
        begins = np.flatnonzero(begin)
        ends = np.append(begins[1:], len(characters))
        runs = np.flatnonzero(ends - begins > 1)
        firsts = characters[begins]
        pieces = self._numbers[firsts]
        pieces[runs] = self._known_or_learned(
            [whole[begin:end] for begin, end in zip(begins[runs].tolist(), ends[runs].tolist(), strict=True)]
        )
        unknown = np.flatnonzero(pieces == NEW)
        if len(new := np.unique(firsts[unknown])):
            self._numbers[new] = self._learned([chr(character) for character in new.tolist()])
            pieces[unknown] = self._numbers[firsts[unknown]]
        return pieces, begins

    def _known_or_learned(self, texts: list[str]) -> list[int]:
        found = list(map(self._known.get, texts))
        if None in found:
            new = list(dict.fromkeys(text for text, number in zip(texts, found, strict=True) if number is None))
            self._known.update(zip(new, self._learned(new), strict=True))
            return [self._known[text] for text in texts]
        return found  # type: ignore[return-value]

    def _learned(self, pieces: Iterable[str]) -> range:
        """Numbers of new *pieces*, whose ids are added to what is known."""
        first = len(self._counts)
        for piece in pieces:
            ids = [token.id for token in self._model.tokenize(piece)]
            self._firsts.append(len(self._ids))
            self._counts.append(len(ids))
            self._ids.extend(ids)
            self._remembered += len(piece)
        return range(first, len(self._counts))

    def _forget(self) -> None:
        self._numbers = np.full(CHARACTERS, NEW, np.int32)  # of the pieces of one character
        self._known: dict[str, int] = {}  # numbers of the pieces of several characters
        self._ids, self._firsts, self._counts = (array("i", [0]) for _ in range(3))
        """Ids of all known pieces, one after another; where the ids of each piece begin; how many they are."""
        self._remembered: int = 0


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
