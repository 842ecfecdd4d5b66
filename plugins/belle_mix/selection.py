"""Which examples a source gives, and how sources take turns; both in one pass, with memory for nothing but a counter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from random import Random
from typing import TypeVar

from belle_mix.amounts import Amount

T = TypeVar("T")


def chosen(total: int, count: int, seed: str) -> Iterator[bool]:
    """For each of *total* items whether it is one of *count* chosen ones; every choice is equally likely."""
    random = Random(seed)
    left = count
    for place in range(total):
        take = random.random() * (total - place) < left
        left -= take
        yield take


def passes(read: Callable[[], Iterable[T]], amount: Amount, seed: str) -> Iterator[tuple[int, T]]:
    """(number of the pass, item) as often as ``amount.taken``, in the order of the source.

    The same ``amount.different`` items come in every pass; the last one may need only some of them, chosen anew.
    """
    if not amount.taken:
        return
    whole, rest = divmod(amount.taken, amount.different)
    for number in range(whole + (rest > 0)):
        flags = chosen(amount.available, amount.different, f"{seed}/cap")
        some = chosen(amount.different, rest, f"{seed}/rest") if number == whole else None
        for item, used in zip(read(), flags, strict=True):
            if used and (some is None or next(some)):
                yield number, item


def taking_turns(streams: dict[str, tuple[int, Iterator[T]]]) -> Iterator[tuple[str, T]]:
    """(name, item) of all streams, evenly spread: of streams with *n* items each, the *k*-th comes at ``(k + 1/2) / n``."""

    def placed(order: int, name: str, count: int, items: Iterator[T]) -> Iterator[tuple[float, int, str, T]]:
        for k, item in enumerate(items):
            yield (k + 0.5) / count, order, name, item

    lines = [placed(order, name, *stream) for order, (name, stream) in enumerate(streams.items())]
    for _, _, name, item in merge(*lines, key=lambda placed: placed[:2]):
        yield name, item
