"""Draws examples by a seed: from all alike, or the same number from every category."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from hashlib import blake2b

from belle_core.artifacts import Examples
from belle_core.data.storage import line_of
from belle_core.errors import BelleError
from belle_data.conditions import chosen, value_of

GROUPS = 10_000
"""Most groups that are drawn from."""


def draw(
    examples: Examples, count: int, *, seed: int, by: str | None, split: str | None, where: tuple[str, ...]
) -> tuple[list[int], dict[str, int]]:
    """Numbers of the drawn examples among those chosen, in order; and how many there are in each group.

    Memory is bounded by *count* and the number of groups.
    """
    groups: dict[str, list[tuple[int, int]]] = {}
    sizes: dict[str, int] = {}
    for number, (_, example) in enumerate(chosen(examples, split, where)):
        name = "" if by is None else str(value_of(example, by) or "")
        if name not in groups and len(groups) == GROUPS:
            raise BelleError(f"--by {by} gives more than {GROUPS:,} groups", f"--by {by} 的分组超过 {GROUPS:,} 个")
        sizes[name] = sizes.get(name, 0) + 1
        heap = groups.setdefault(name, [])
        ticket = (-_lot(seed, number), number)
        if len(heap) < count:
            heapq.heappush(heap, ticket)
        else:
            heapq.heappushpop(heap, ticket)
    return sorted(number for heap in groups.values() for _, number in heap), sizes


def lines(examples: Examples, numbers: list[int], *, split: str | None, where: tuple[str, ...]) -> Iterator[str]:
    """The examples with these numbers as lines of JSON."""
    wanted = iter(numbers)
    following = next(wanted, None)
    for number, (_, example) in enumerate(chosen(examples, split, where)):
        if following is None:
            return
        if number == following:
            yield line_of(example).decode("utf-8")
            following = next(wanted, None)


def _lot(seed: int, number: int) -> int:
    """A number that is as good as drawn, the same for the same seed and place."""
    return int.from_bytes(blake2b(f"{seed}/{number}".encode(), digest_size=8).digest(), "little")
