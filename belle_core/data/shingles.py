"""Texts as sets of character n-grams, and short keys by which texts with like sets find each other (MinHash, Broder 1997)."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np

PERMUTATIONS = 128
CERTAINTY = 0.99
"""Least chance that two texts just at the threshold share a key."""
LONG = 1 << 10
"""n-grams that go through all permutations at once; half a megabyte, which stays in the processor's cache."""
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

    def keys(self, text: str) -> bytes:
        """``bands`` keys of 4 bytes. Texts with Jaccard index *j* have at least one in common, at the same place, with probability
        ``1 - (1 - j**rows) ** bands``."""
        hashes = self._hashes(text)
        least = (self._factors * hashes[:LONG]).min(axis=1)
        for start in range(LONG, len(hashes), LONG):
            np.minimum(least, (self._factors * hashes[start : start + LONG]).min(axis=1), out=least)
        least = least[: self.bands * self.rows].reshape(self.bands, self.rows)
        keys: bytes = (least * self._weights).sum(axis=1, dtype=np.uint32).tobytes()
        return keys

    def _hashes(self, text: str) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """A number for every n-gram, as good as random."""
        data = text.encode("utf-32-le", "surrogatepass")
        if len(text) < self.short:
            hashes = np.array([crc32(data)], dtype=np.uint32)
        else:
            characters = np.frombuffer(data, np.uint32)
            count = len(characters) - self.size + 1
            hashes = characters[:count] * STEP
            for place in range(1, self.size):
                hashes += characters[place : place + count]
                hashes *= STEP
        hashes ^= hashes >> np.uint32(15)  # so that the permutations, which multiply, do not see a sum over characters
        return hashes

    @cached_property
    def _factors(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """Odd numbers, by which multiplication permutes 32 bits. (PERMUTATIONS, 1)"""
        return _odd(PERMUTATIONS)[:, None]

    @cached_property
    def _weights(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
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


def _odd(count: int) -> np.ndarray[Any, np.dtype[np.uint32]]:
    random = np.random.default_rng(SEED)
    return (random.integers(0, 1 << 31, count, dtype=np.uint32) << np.uint32(1)) | np.uint32(1)
