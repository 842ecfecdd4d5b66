"""Normalises many texts at once: what :func:`belle_core.data.questions.normalised` gives for each, character by character in arrays."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from belle_core.data.questions import normalised

Array = np.ndarray[Any, np.dtype[Any]]
KEPT, DIGIT, MARK, BLANK, HARD = range(1, 6)
"""What a character is: kept; an ASCII digit after NFKC; punctuation; white space or invisible; one whose neighbours matter to NFKC."""
SHIFT, CODE = np.uint32(24), np.uint32((1 << 24) - 1)
"""Where the kind stands in 32 bits beside a character."""
FEW = 8
"""Texts for which arrays are not worth while."""
BETWEEN = "\0"
"""Stands behind every text. Within a text it is invisible."""


def all_normalised(texts: Sequence[str]) -> list[str]:
    """:func:`normalised` of every text. Those with hard characters, and those of which nothing is left, go through it one by one."""
    if len(texts) < FEW:
        return list(map(normalised, texts))
    joined = "".join([(text.replace(BETWEEN, "") if BETWEEN in text else text) + BETWEEN for text in texts])
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    described = _table().look_up(codes)
    kinds = described >> SHIFT
    hard = np.flatnonzero(kinds == HARD)
    seen = kinds != BLANK
    described, kinds = described[seen], kinds[seen]
    stay = kinds != MARK
    behind = np.flatnonzero(~stay[1:] & (kinds[:-1] == DIGIT)) + 1
    if len(behind):  # of marks between two digits the first stays: 3-2 is not 32
        others = np.flatnonzero(stay)
        after = others[np.searchsorted(others, behind)]
        stay[behind[kinds[after] == DIGIT]] = True
    found = (described[stay] & CODE).tobytes().decode("utf-32-le", "surrogatepass").split(BETWEEN)[:-1]
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
        self._known = np.zeros(0x110000, np.uint32)  # pages that nobody touches take no memory
        self._known[0] = KEPT << int(SHIFT)  # BETWEEN

    def look_up(self, codes: Array) -> Array:
        """For every character its kind, shifted, and its normal form."""
        found: Array = self._known[codes]
        if not found.all():
            for code in np.unique(codes[found == 0]).tolist():
                kind, normal = _described(chr(code))
                self._known[code] = kind << int(SHIFT) | normal
            found = self._known[codes]
        return found


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
