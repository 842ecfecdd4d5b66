"""Texts as sets of character n-grams, and short keys by which texts with like sets find each other (MinHash, Broder 1997)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
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
STEP, STEPS = np.uint32(0x9E3779B1), np.uint64(0x9E3779B97F4A7C15)


class Shingles:
    """What is compared of a text: its n-grams of *size* characters. Texts below *short* characters have one: themselves.

    So a short text is like another only when they are equal: one character more or less is then another question.
    """

    def __init__(self, *, threshold: float, size: int = 5, short: int = 32) -> None:
        self.threshold, self.size, self.short = threshold, size, max(short, size)
        self.rows = rows_for(threshold)
        self.bands = PERMUTATIONS // self.rows

    def grams(self, texts: Sequence[str]) -> list[Numbers]:
        """For every text the set of its n-grams, which is never empty: sorted, 64 bits for each, equal for equal ones and as good as never
        for others."""
        hashes, ends = _rolled(texts, self.size, STEPS)
        found = []
        for text, end in zip(texts, ends.tolist(), strict=True):
            if len(text) < self.short:
                whole = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
                found.append(np.frombuffer(whole, np.uint64))
                continue
            some = np.sort(hashes[end - len(text) : end - self.size + 1])
            new = np.empty(len(some), bool)
            new[0] = True
            np.not_equal(some[1:], some[:-1], out=new[1:])
            found.append(some[new])
        return found

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
        keys = shared.sum(axis=1, dtype=np.uint32).T.tobytes()
        width = 4 * self.bands
        return [keys[start : start + width] for start in range(0, len(keys), width)]

    def _least(self, hashes: Numbers, starts: Numbers) -> Numbers:
        """The least of every permutation in every text, shape (permutations, texts)."""
        if len(hashes) <= TOGETHER:
            return np.minimum.reduceat(self._factors * hashes, starts, axis=1)
        parts = [(self._factors * hashes[at : at + TOGETHER]).min(axis=1) for at in range(0, len(hashes), TOGETHER)]
        found: Numbers = np.min(parts, axis=0)[:, None]
        return found

    def _hashes(self, texts: Sequence[str]) -> tuple[Numbers, Numbers]:
        """A number for every n-gram of all texts, as good as random, and the bounds between those of one text and the next."""
        hashes, ends = _rolled(texts, self.size, STEP)
        lengths = np.diff(ends, prepend=-1) - 1
        short = lengths < self.short
        used = ~np.repeat(short, lengths + 1)
        for place in range(self.size):
            used[ends[~short] - place] = False
        for number in np.flatnonzero(short).tolist():
            hashes[ends[number]] = crc32(texts[number].encode("utf-32-le", "surrogatepass"))
            used[ends[number]] = True
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


def _rolled(texts: Sequence[str], size: int, step: Any) -> tuple[Numbers, Numbers]:
    """A hash for *size* characters from every one on, with as many bits as *step*, and where each text ends.

    The texts lie one after the other with one more character behind each, so that of a text's hashes the last *size* are of no use.
    """
    codes = np.frombuffer("".join([text + "\0" for text in texts]).encode("utf-32-le", "surrogatepass"), np.uint32)
    hashes = codes * step
    for place in range(1, size):
        hashes[:-place] += codes[place:]
        hashes *= step
    return hashes, np.cumsum([len(text) + 1 for text in texts], dtype=np.int64) - 1


def jaccard(one: Numbers, other: Numbers) -> float:
    """Size of the intersection by size of the union of two sorted sets; neither is empty."""
    both = np.concatenate([one, other])
    both.sort()
    shared = np.count_nonzero(both[1:] == both[:-1])
    return shared / (len(both) - shared)


def rows_for(threshold: float) -> int:
    """Most permutations to a key with which texts at the threshold still meet with :data:`CERTAINTY`; fewer make more work."""
    good = [
        rows for rows in range(1, 33) if 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows) >= CERTAINTY
    ]  # the chance falls with every row
    return max(good, default=1)


def _odd(count: int) -> Numbers:
    random = np.random.default_rng(SEED)
    return (random.integers(0, 1 << 31, count, dtype=np.uint32) << np.uint32(1)) | np.uint32(1)
