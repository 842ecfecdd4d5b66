"""Normalises many texts at once: what :func:`belle_core.data.questions.normalised` gives for each, character by character in arrays."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from belle_core.data.questions import normalised

Array = np.ndarray[Any, np.dtype[Any]]
NEW, KEPT, DIGIT, MARK, BLANK, HARD = range(6)
"""What a character is: not met yet; kept; an ASCII digit after NFKC; punctuation; white space or invisible; one whose neighbours matter to NFKC."""
BETWEEN = "\0"
"""Stands between two texts. Within a text it is invisible."""


def all_normalised(texts: Sequence[str]) -> list[str]:
    """:func:`normalised` of every text. Those with hard characters, and those of which nothing is left, go through it one by one."""
    if not texts:
        return []
    joined = BETWEEN.join([text.replace(BETWEEN, "") if BETWEEN in text else text for text in texts])
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds, values = _table().look_up(codes)
    hard = np.flatnonzero(kinds == HARD)
    seen = kinds != BLANK
    kinds, values = kinds[seen], values[seen]
    stay = kinds != MARK
    others = np.flatnonzero(stay)
    digits = kinds[others] == DIGIT
    # of marks between two digits the first stays: 3-2 is not 32
    stay[others[:-1][(np.diff(others) > 1) & digits[:-1] & digits[1:]] + 1] = True
    found = values[stay].tobytes().decode("utf-32-le", "surrogatepass").split(BETWEEN)
    if len(hard):
        ends = np.flatnonzero(codes == 0)
        for number in np.unique(np.searchsorted(ends, hard)).tolist():
            found[number] = ""
    return [bare or normalised(text) for bare, text in zip(found, texts, strict=True)]


def all_normalised_in(groups: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """The same for groups of texts, such as the turns of conversations."""
    groups = list(groups)
    found = iter(all_normalised([text for group in groups for text in group]))
    return ([next(found) for _ in group] for group in groups)


class _Table:
    """Kind and normal form of every character; those not met before are looked up in Unicode's tables."""

    def __init__(self) -> None:
        self._kinds = np.zeros(0x110000, np.uint8)  # pages that nobody touches take no memory
        self._values = np.zeros(0x110000, np.uint32)
        self._kinds[0] = KEPT

    def look_up(self, codes: Array) -> tuple[Array, Array]:
        """Kinds, and characters in normal form."""
        kinds = self._kinds[codes]
        new = kinds == NEW
        if new.any():
            for code in np.unique(codes[new]).tolist():
                self._kinds[code], self._values[code] = _described(chr(code))
            kinds = self._kinds[codes]
        return kinds, self._values[codes]


@cache
def _table() -> _Table:
    return _Table()


def _described(character: str) -> tuple[int, int]:
    folded = unicodedata.normalize("NFKC", character)
    groups = {_group(part) for part in character + folded}
    if groups == {MARK} or groups == {BLANK}:
        return groups.pop(), ord(folded[0])
    folded = folded.casefold()
    if groups != {KEPT} or len(folded) > 1 or _group(folded) != KEPT:
        return HARD, ord("?")
    return DIGIT if "0" <= folded <= "9" else KEPT, ord(folded)


def _group(character: str) -> int:
    """Kind of a character as ``normalised`` sees it; beyond the first plane it removes nothing."""
    category, code = unicodedata.category(character), ord(character)
    if category[0] == "M" or 0x1100 <= code < 0x1200 or 0xA960 <= code < 0xA980 or 0xD7B0 <= code < 0xD800:
        return HARD  # it may combine with what stands before it
    if code < 0x10000 and (category in ("Cc", "Cf") or category[0] == "Z"):
        return BLANK
    return MARK if code < 0x10000 and category[0] == "P" else KEPT
