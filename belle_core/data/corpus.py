"""The examples that a corpus filter decides over: passing by, or stored on disk."""

from __future__ import annotations

import mmap
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, Protocol

from belle_core.conversation import Example
from belle_core.data.batches import Batch
from belle_core.data.storage import parse_line
from belle_core.data.workers import receive, send

Decided = Iterator[tuple[Batch, list[Any]]]
"""Batches with the decisions on their examples."""


class Corpus(Protocol):
    """What ``CorpusFilter.decide`` sees."""

    scratch: Path
    """A folder of the filter's own that outlives a crash and is removed when the stage is done."""

    def summaries(self) -> Iterator[bytes]:
        """What ``summaries`` of the filter said of every example, in order."""

    def examples(self) -> Iterator[Example]:
        """The examples in order. Of a passing stream either this or ``summaries`` is used, once."""


class Passing:
    """Examples that are decided while they pass; batches without all their decisions yet are held in memory."""

    def __init__(self, batches: Iterator[Batch], number: int, scratch: Path) -> None:
        self._batches, self._number, self.scratch = batches, number, scratch
        self._waiting: deque[Batch] = deque()

    def summaries(self) -> Iterator[bytes]:
        for batch in self._passing():
            yield from batch.summaries[self._number]

    def examples(self) -> Iterator[Example]:
        for batch in self._passing():
            yield from map(parse_line, batch.lines)

    def _passing(self) -> Iterator[Batch]:
        for batch in self._batches:
            if len(batch):
                self._waiting.append(batch)
                yield batch

    def decided(self, decide: Callable[[Any], Iterator[Any]]) -> Decided:
        """Every batch with its decisions, in order."""
        decisions: list[Any] = []
        for decision in decide(self):
            decisions.append(decision)
            if len(decisions) == len(self._waiting[0]):
                yield self._waiting.popleft(), decisions
                decisions = []
        if self._waiting or next(self._passing(), None) is not None:
            raise RuntimeError(f"{decide!r} ended and left examples without a decision")


class Stored:
    """All examples on disk, written before the first is decided. Memory: 16 bytes an example."""

    def __init__(self, batches: Iterable[Batch], number: int, scratch: Path) -> None:
        self.scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        self._lines, self._heads = scratch / "examples.jsonl", scratch / "heads.bin"
        self.summary_file = scratch / "summaries.bin"
        """All summaries one after the other: with summaries of one width, a matrix."""
        self._ends, self._marks = array("Q", [0]), array("Q", [0])
        self._mapped: mmap.mmap | None = None
        with ExitStack() as stack:
            files = (self._lines, self._heads, self.summary_file)
            lines, heads, others = (stack.enter_context(path.open("wb")) for path in files)
            for batch in batches:
                lines.write(b"".join(batch.lines))
                others.write(b"".join(batch.summaries[number]))
                _add_up(self._ends, map(len, batch.lines))
                _add_up(self._marks, map(len, batch.summaries[number]))
                send(heads, (batch.origin, batch.wheres, batch.records, batch.characters, batch.keys))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> Example:
        """Any example, by its number from 0."""
        if self._mapped is None:
            with self._lines.open("rb") as file:
                self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return parse_line(self._mapped[self._ends[number] : self._ends[number + 1]])

    def summaries(self) -> Iterator[bytes]:
        with self.summary_file.open("rb") as file:
            for number in range(len(self)):
                yield file.read(self._marks[number + 1] - self._marks[number])

    def examples(self) -> Iterator[Example]:
        with self._lines.open("rb") as file:
            yield from map(parse_line, file)

    def decided(self, decide: Callable[[Any], Iterator[Any]]) -> Decided:
        """Every batch with its decisions, in order; the files are gone afterwards."""
        decisions, left = decide(self), len(self)
        with self._lines.open("rb") as lines, self._heads.open("rb") as heads:
            while left:
                origin, wheres, records, characters, keys = receive(heads)
                some = list(islice(decisions, len(wheres)))
                if len(some) < len(wheres):
                    raise RuntimeError(f"{decide!r} ended and left examples without a decision")
                left -= len(wheres)
                yield Batch(origin, wheres, list(islice(lines, len(wheres))), records, characters, keys), some
        if self._mapped is not None:
            self._mapped.close()
        for path in (self._lines, self._heads, self.summary_file):
            path.unlink()


def _add_up(ends: array[int], lengths: Iterable[int]) -> None:
    """Append where each of several pieces ends that follow the last one."""
    ends.extend(islice(accumulate(lengths, initial=ends[-1]), 1, None))
