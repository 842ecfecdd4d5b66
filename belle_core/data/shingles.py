"""Texts as sets of character n-grams, and short keys by which texts with like sets find each other (MinHash, Broder 1997)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np

Numbers = np.ndarray[Any, np.dtype[Any]]
PERMUTATIONS = 128
CERTAINTY = 0.99
"""Least chance that two texts just at the threshold share a key."""
TOGETHER = 1 << 12
"""n-grams that go through all permutations at once: two megabytes; numpy multiplies shorter rows several times slower."""
SEED = 20230323
STEP = np.uint32(0x9E3779B1)


class Shingles:
    """What is compared of a text: its n-grams of *size* characters. Texts below *short* characters have one: themselves.

    So a short text is like another only when they are equal: one character more or less is then another question.
    """

    def __init__(self, *, threshold: float, size: int = 5, short: int = 32) -> None:
        self.threshold, self.size, self.short = threshold, size, max(short, size)
        self.rows = rows_for(threshold)
        self.bands = PERMUTATIONS // self.rows

    def grams(self, text: str) -> frozenset[str]:
        """The set of n-grams of *text*, which is never empty."""
        if len(text) < self.short:
            return frozenset([text])
        return frozenset([text[start : start + self.size] for start in range(len(text) - self.size + 1)])

    def keys(self, texts: Sequence[str]) -> list[bytes]:
        """For every text ``bands`` keys of 4 bytes. Texts with Jaccard index *j* have at least one in common, at the same place, with
        probability ``1 - (1 - j**rows) ** bands``."""
        hashes, bounds = self._hashes(texts)
        least = np.empty((self.bands * self.rows, len(texts)), np.uint32)
        first = 0
        while first < len(texts):
            last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + TOGETHER, "right")) - 1)
            begin = bounds[first]
            least[:, first:last] = self._least(hashes[begin : bounds[last]], bounds[first:last] - begin)
            first = last
        shared = least.reshape(self.bands, self.rows, len(texts)) * self._weights[:, None]
        keys = shared.sum(axis=1, dtype=np.uint32).T
        return list(map(bytes, np.ascontiguousarray(keys)))

    def _least(self, hashes: Numbers, starts: Numbers) -> Numbers:
        """The least of every permutation in every text, shape (permutations, texts)."""
        if len(hashes) <= TOGETHER:
            return np.minimum.reduceat(self._factors * hashes, starts, axis=1)
        parts = [(self._factors * hashes[at : at + TOGETHER]).min(axis=1) for at in range(0, len(hashes), TOGETHER)]
        found: Numbers = np.min(parts, axis=0)[:, None]
        return found

    def _hashes(self, texts: Sequence[str]) -> tuple[Numbers, Numbers]:
        """A number for every n-gram of all texts, as good as random, and the bounds between those of one text and the next."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        ends = np.cumsum(lengths + 1) - 1  # behind each text stands one more character
        codes = np.frombuffer("".join([text + "\0" for text in texts]).encode("utf-32-le", "surrogatepass"), np.uint32)
        hashes = codes * STEP
        for place in range(1, self.size):
            hashes[:-place] += codes[place:]
            hashes *= STEP
        short = lengths < self.short
        used = ~np.repeat(short, lengths + 1)
        for place in range(self.size):
            used[ends[~short] - place] = False
        for end, length in zip(ends[short].tolist(), lengths[short].tolist()):
            hashes[end], used[end] = crc32(codes[end - length : end].tobytes()), True
        hashes ^= hashes >> np.uint32(15)  # so that the permutations, which multiply, do not see a sum over characters
        bounds = np.concatenate([[0], np.cumsum(np.where(short, 1, lengths - self.size + 1))])
        return hashes[used], bounds

    @cached_property
    def _factors(self) -> Numbers:
        """Odd numbers, by which multiplication permutes 32 bits. (bands · rows, 1)"""
        return _odd(PERMUTATIONS)[: self.bands * self.rows, None]

    @cached_property
    def _weights(self) -> Numbers:
        return _odd(PERMUTATIONS + self.rows)[PERMUTATIONS:]


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection by size of the union; neither is empty."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def rows_for(threshold: float) -> int:
    """Most permutations to a key with which texts at the threshold still meet with :data:`CERTAINTY`; fewer make more work."""
    good = [
        rows for rows in range(1, 33) if 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows) >= CERTAINTY
    ]  # the chance falls with every row
    return max(good, default=1)


def _odd(count: int) -> Numbers:
    random = np.random.default_rng(SEED)
    return (random.integers(0, 1 << 31, count, dtype=np.uint32) << np.uint32(1)) | np.uint32(1)
