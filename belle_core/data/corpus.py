"""The examples that a corpus filter decides over: passing by, or stored on disk."""

from __future__ import annotations

import json
import mmap
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from belle_core.conversation import Example
from belle_core.data.chunks import Kept
from belle_core.data.storage import parse_line

Placed = tuple[Any, Kept]
"""Where an example stood, and the example."""


class Corpus(Protocol):
    """What ``CorpusFilter.decide`` sees."""

    scratch: Path
    """A folder of the filter's own that outlives a crash and is removed when the stage is done."""

    def summaries(self) -> Iterator[bytes]:
        """What ``summary`` said of every example, in order."""

    def examples(self) -> Iterator[Example]:
        """The examples in order. Of a passing stream either this or ``summaries`` is used, once."""


class Passing:
    """Examples that are decided while they pass; those without a decision yet are held in memory."""

    def __init__(self, items: Iterator[Placed], number: int, scratch: Path) -> None:
        self._items, self._number, self.scratch = items, number, scratch
        self._waiting: deque[Placed] = deque()

    def summaries(self) -> Iterator[bytes]:
        for item in self._items:
            self._waiting.append(item)
            yield item[1].summaries[self._number]

    def examples(self) -> Iterator[Example]:
        for item in self._items:
            self._waiting.append(item)
            yield item[1].example

    def decided(self, decide: Callable[[Any], Iterator[Any]]) -> Iterator[tuple[Placed, Any]]:
        """Every example with its decision, in order."""
        for decision in decide(self):
            yield self._waiting.popleft(), decision
        if self._waiting or next(self._items, None) is not None:
            raise RuntimeError(f"{decide!r} ended and left examples without a decision")


class Stored:
    """All examples on disk, written before the first is decided. Memory: 16 bytes an example."""

    def __init__(self, items: Iterable[Placed], number: int, scratch: Path) -> None:
        self.scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        self._lines, self._where = scratch / "examples.jsonl", scratch / "places.jsonl"
        self.summary_file = scratch / "summaries.bin"
        """All summaries one after the other: with summaries of one width, a matrix."""
        self._ends, self._marks = array("Q", [0]), array("Q", [0])
        self._mapped: mmap.mmap | None = None
        with ExitStack() as stack:
            files = (self._lines, self._where, self.summary_file)
            lines, places, others = (stack.enter_context(path.open("wb")) for path in files)
            for place, kept in items:
                self._ends.append(self._ends[-1] + lines.write(kept.line.encode("utf-8")))
                self._marks.append(self._marks[-1] + others.write(kept.summaries[number]))
                places.write(json.dumps(str(place)).encode() + b"\n")

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> Example:
        """Any example, by its number from 0."""
        if self._mapped is None:
            with self._lines.open("rb") as file:
                self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return parse_line(self._mapped[self._ends[number] : self._ends[number + 1]].decode("utf-8"))

    def summaries(self) -> Iterator[bytes]:
        with self.summary_file.open("rb") as file:
            for number in range(len(self)):
                yield file.read(self._marks[number + 1] - self._marks[number])

    def examples(self) -> Iterator[Example]:
        with self._lines.open(encoding="utf-8", newline="\n") as file:
            yield from map(parse_line, file)

    def decided(self, decide: Callable[[Any], Iterator[Any]]) -> Iterator[tuple[Placed, Any]]:
        """Every example with its decision, in order; the files are gone afterwards."""
        with self._lines.open(encoding="utf-8", newline="\n") as lines, self._where.open(encoding="utf-8") as places:
            for line, place, decision in zip(lines, places, decide(self), strict=True):
                yield (json.loads(place), Kept(line=line)), decision
        if self._mapped is not None:
            self._mapped.close()
        for path in (self._lines, self._where, self.summary_file):
            path.unlink()
