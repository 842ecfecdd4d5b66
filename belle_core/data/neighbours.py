"""Which of many texts are alike: those that share a key are candidates, and their n-grams decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from belle_core.data.shingles import Shingles, jaccard

BLOCK = 1 << 15
"""Texts whose links are looked at together."""
BUCKET = 50
"""Most earlier texts under one key that a text is compared with, the last ones; a phrase that all share must not make it quadratic."""
CACHED = 1 << 12
"""Texts whose n-grams are kept in memory."""


class Neighbours:
    """For every text the earlier ones that are like it.

    *keys* is a file with :meth:`Shingles.keys` of all *count* texts, *text* gives a text by its number. Links to the last earlier text with the
    same key lie in a file in *scratch*, 4 bytes a text and key; in memory are 21 bytes a text while they are made.
    """

    def __init__(
        self, keys: Path, count: int, *, shingles: Shingles, text: Callable[[int], str], scratch: Path
    ) -> None:
        self.count, self.shingles = count, shingles
        self.compared = 0
        """Pairs whose n-grams were compared so far."""
        self._links = _link(keys, (count, shingles.bands), scratch / "links.bin")
        self._gone = bytearray(count)
        self._grams = lru_cache(CACHED)(lambda number: shingles.grams(text(number)))

    def leave_out(self, number: int) -> None:
        """Text *number* shall not be found by later ones."""
        self._gone[number] = True

    def linked(self) -> Iterator[tuple[int, bool]]:
        """Every number in order, and whether an earlier text shares a key with it."""
        for start in range(0, self.count, BLOCK):
            found = np.any(np.asarray(self._links[start : start + BLOCK]) >= 0, axis=1)
            yield from enumerate(found.tolist(), start)

    def alike(self, number: int) -> Iterator[tuple[int, float]]:
        """Earlier texts with their Jaccard index, at least the threshold; those with most keys in common first.

        To be asked in order of the numbers.
        """
        common = Counter(other for band in range(self.shingles.bands) for other in self._under(number, band))
        grams = self._grams(number) if common else frozenset()
        for other, _ in sorted(common.items(), key=lambda item: (-item[1], item[0])):
            self.compared += 1
            likeness = jaccard(grams, self._grams(other))
            if likeness >= self.shingles.threshold:
                yield other, likeness

    def _under(self, number: int, band: int) -> Iterator[int]:
        """The last earlier texts with the same key that are not left out. Links are made to jump over those that are."""
        links, at = self._links, number
        for _ in range(BUCKET):
            before = int(links[at, band])
            if before < 0:
                return
            if self._gone[before]:
                while before >= 0 and self._gone[before]:
                    before = int(links[before, band])
                links[at, band] = before
                if before < 0:
                    return
            yield before
            at = before


def _link(keys: Path, shape: tuple[int, int], path: Path) -> np.memmap[Any, np.dtype[np.int32]]:
    """For every text and key the number of the last earlier text that has it, or -1. Shape (texts, keys)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    matrix = np.memmap(keys, np.uint32, "r", shape=shape)
    links = np.memmap(path, np.int32, "w+", shape=shape)
    links[:] = -1
    numbers = np.arange(shape[0], dtype=np.uint64)
    for band in range(shape[1]):
        column = matrix[:, band].astype(np.uint64) << np.uint64(32) | numbers
        column.sort()  # equal keys one after the other, in order of the texts
        same = np.flatnonzero(column[1:] >> np.uint64(32) == column[:-1] >> np.uint64(32))
        order = column.astype(np.uint32)
        links[order[same + 1], band] = order[same]
    return links
