"""Counts that stay small however much is counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
LONGEST = 200
"""Characters of a name by which it is told from others."""
FURTHER = "…"
"""Stands for all names for which there is no room."""


class Names:
    """How often each name occurs; names that come after the first *most* different ones are counted together, under ``…``."""

    def __init__(self, most: int = 10_000) -> None:
        self.most = most
        self.counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Count one."""
        name = name[:LONGEST]
        self.counts[name if name in self.counts or len(self.counts) < self.most else FURTHER] += 1

    def plain(self) -> dict[str, int]:
        """Frequent names first, and ``…`` last."""
        return dict(sorted(self.counts.items(), key=lambda pair: (pair[0] == FURTHER, -pair[1], pair[0])))


class Sizes:
    """How numbers are distributed: exact below 1,000, to three digits above, so that there are never many different ones."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.doubling: Counter[int] = Counter()
        self.total = self.largest = 0

    def add(self, size: int) -> None:
        """Count one number, 0 or more."""
        step = 10 ** max(0, len(str(size)) - 3)
        self.counts[size // step * step] += 1
        self.doubling[size.bit_length()] += 1
        self.total += size
        self.largest = max(self.largest, size)

    def share(self, share: float) -> int:
        """The number that this share of all does not exceed, to three digits."""
        left = share * self.counts.total()
        for size, count in sorted(self.counts.items()):
            left -= count
            if left <= 0:
                return size
        return self.largest

    def plain(self) -> dict[str, float]:
        """Count, mean, percentiles and largest."""
        count = self.counts.total()
        shares = {f"p{percent}": self.share(percent / 100) for percent in (5, 50, 95, 99)}
        return {"count": count, "mean": round(self.total / count, 1) if count else 0, **shares, "max": self.largest}

    def bins(self) -> Iterator[tuple[str, int]]:
        """(``64–127``, how many, exactly) by doubling, from the first to the last that is not empty."""
        found = self.doubling
        for bits in range(min(found, default=0), max(found, default=-1) + 1):
            low, high = (0, 0) if bits == 0 else (1 << (bits - 1), (1 << bits) - 1)
            yield (str(low) if low == high else f"{low:,}–{high:,}"), found[bits]


class Reservoir(Generic[T]):
    """A fair draw of *most* from all that come, the same every time."""

    def __init__(self, most: int) -> None:
        self.most, self.seen = most, 0
        self.items: list[T] = []
        self._random = random.Random(0)

    def add(self, item: T) -> None:
        """Offer one."""
        self.seen += 1
        if len(self.items) < self.most:
            self.items.append(item)
        elif (place := self._random.randrange(self.seen)) < self.most:
            self.items[place] = item


class Repeats:
    """How many keys came before. Exact up to *most* different keys; then estimated from a share of them that is chosen by their bits."""

    def __init__(self, most: int = 1_000_000) -> None:
        self.most, self.level = most, 0
        self.counts: dict[int, int] = {}

    def add(self, key: int) -> None:
        """Count one key, whose low bits are as good as random."""
        if key & ((1 << self.level) - 1):
            return
        self.counts[key] = self.counts.get(key, 0) + 1
        while len(self.counts) > self.most:
            self.level += 1
            self.counts = {k: n for k, n in self.counts.items() if not k & ((1 << self.level) - 1)}

    def plain(self) -> dict[str, int | bool]:
        """``repeated`` records (each after the first of its kind), distinct keys, the most frequent one's count."""
        scale = 1 << self.level
        repeated = sum(self.counts.values()) - len(self.counts)
        return {
            "distinct": len(self.counts) * scale,
            "repeated": repeated * scale,
            "most": max(self.counts.values(), default=0),
            "exact": self.level == 0,
        }
