"""Which of many texts are alike: those that share a key are candidates, and their n-grams decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from belle_core.data.shingles import Numbers, Shingles, jaccard

BLOCK = 1 << 10
"""Texts whose links are looked at, and whose n-grams are made, together."""
BUCKET = 50
"""Most earlier texts under one key that a text is compared with, the last ones; a phrase that all share must not make it quadratic."""
KEPT = 1 << 12
"""Texts whose n-grams are kept in memory."""
GRAMS = 1 << 24
"""N-grams that are kept in memory, 8 bytes each; those of long texts are made again when they are asked for."""
TOGETHER = 1 << 8
"""Texts that are read together."""


Texts = Callable[[Sequence[int]], list[str]]
"""Gives texts by their numbers."""


class Neighbours:
    """For every text the earlier ones that are like it.

    *keys* is a file with :meth:`Shingles.keys` of all *count* texts. Links to the last earlier text with the same key lie in a file in
    *scratch*, 4 bytes a text and key; in memory are some 30 bytes a text while they are made.
    """

    def __init__(self, keys: Path, count: int, *, shingles: Shingles, texts: Texts, scratch: Path) -> None:
        self.count, self.shingles = count, shingles
        self.compared = 0
        """Pairs whose n-grams were compared so far."""
        self._links = np.asarray(_link(keys, (count, shingles.bands), scratch / "links.bin"))
        self._gone = bytearray(count)
        self._grams = _Grams(texts, shingles)

    def leave_out(self, number: int) -> None:
        """Text *number* shall not be found by later ones."""
        self._gone[number] = True

    def linked(self) -> Iterator[tuple[int, bool]]:
        """Every number in order, and whether an earlier text that is not left out shares a key with it."""
        for start in range(0, self.count, BLOCK):
            links = self._jumped(start)
            found: Numbers = np.any(links >= 0, axis=1)
            if found.any():
                self._grams.fetch([*(np.flatnonzero(found) + start).tolist(), *self._reached(links)])
            yield from enumerate(found.tolist(), start)

    def _jumped(self, start: int) -> Numbers:
        """The links of a block of texts, made to jump over those that are left out."""
        links = self._links[start : start + BLOCK]
        gone = np.frombuffer(self._gone, bool)
        while len(rows := np.argwhere((links >= 0) & gone[links])):
            row, band = rows.T
            links[row, band] = self._links[links[row, band], band]
        return links

    def _reached(self, links: Numbers) -> list[int]:
        """The last earlier texts, as many as are kept in memory, to which *links* and the links behind them lead."""
        bands = np.nonzero(links >= 0)[1]
        at = links[links >= 0]
        reached = np.unique(at)
        for _ in range(BUCKET):
            at = self._links[at, bands]
            at, bands = at[at >= 0], bands[at >= 0]
            if not len(at) or len(reached) >= KEPT:
                break
            reached = np.union1d(reached, at)
        gone = np.frombuffer(self._gone, bool)[reached]
        found: list[int] = reached[~gone][-KEPT:].tolist()
        return found

    def alike(self, number: int) -> Iterator[tuple[int, float]]:
        """Earlier texts with their Jaccard index, at least the threshold; those with most keys in common first.

        To be asked in order of the numbers.
        """
        common: dict[int, int] = {}
        for band, before in enumerate(self._links[number].tolist()):
            for other in self._under(number, band) if before >= 0 else ():
                common[other] = common.get(other, 0) + 1
        for other in sorted(common, key=lambda other: (-common[other], other)):
            self.compared += 1
            likeness = jaccard(self._grams.of(number), self._grams.of(other))
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


class _Grams:
    """The n-grams of texts; those fetched last are kept in memory."""

    def __init__(self, texts: Texts, shingles: Shingles) -> None:
        self._texts, self._shingles = texts, shingles
        self._kept: dict[int, Numbers] = {}
        self._size = 0

    def fetch(self, numbers: Sequence[int]) -> None:
        """Read texts together, which is faster, as long as there is room; forget others."""
        self._kept = {number: self._kept[number] for number in numbers if number in self._kept}
        self._size = sum(map(len, self._kept.values()))
        missing = [number for number in dict.fromkeys(numbers) if number not in self._kept]
        for start in range(0, len(missing), TOGETHER):
            if self._size >= GRAMS:
                return
            self._read(missing[start : start + TOGETHER])

    def of(self, number: int) -> Numbers:
        """The set of n-grams of one text."""
        if number not in self._kept:
            while self._kept and (self._size >= GRAMS or len(self._kept) >= KEPT):
                self._size -= len(self._kept.pop(next(iter(self._kept))))
            self._read([number])
        return self._kept[number]

    def _read(self, numbers: list[int]) -> None:
        for number, grams in zip(numbers, self._shingles.grams(self._texts(numbers)), strict=True):
            self._kept[number] = grams
            self._size += len(grams)


def _link(keys: Path, shape: tuple[int, int], path: Path) -> Numbers:
    """For every text and key the number of the last earlier text that has it, or -1. Shape (texts, keys)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    matrix = np.memmap(keys, np.uint32, "r", shape=shape)
    none = np.full((BLOCK, shape[1]), -1, np.int32)
    with path.open("wb") as file:  # before it is mapped: a full disk is an error then, and no signal that kills
        for start in range(0, shape[0], BLOCK):
            file.write(none[: shape[0] - start].data)
    links = np.memmap(path, np.int32, "r+", shape=shape)
    numbers = np.arange(shape[0], dtype=np.uint64)
    for band in range(shape[1]):
        column = matrix[:, band].astype(np.uint64) << np.uint64(32) | numbers
        column.sort()  # equal keys one after the other, in order of the texts
        same = np.flatnonzero(column[1:] >> np.uint64(32) == column[:-1] >> np.uint64(32))
        order = column.astype(np.uint32)
        links[order[same + 1], band] = order[same]
    return links
