"""Groups of nearly equal questions, so that a split takes all of a group or none."""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Sequence
from pathlib import Path

from belle_core.data.neighbours import Neighbours
from belle_core.data.normalising import all_normalised
from belle_core.data.questions import DIGEST, question_of
from belle_core.data.shingles import Shingles
from belle_core.data.storage import parse_line

CHUNK = 256
"""Questions whose keys are made together."""


def grouped(keys: bytearray, examples: Path, shingles: Shingles, scratch: Path) -> bytearray:
    """The question keys of all *examples* (a file of lines, in order), where questions that are alike have the key of the first of them.

    Alike are also two questions between which others make a chain. On disk are 8 to 100 bytes an example for the time being, in memory
    some 40.
    """
    count = len(keys) // DIGEST
    if not count:
        return keys
    with _Questions(examples) as questions:
        matrix = scratch / "questions.bin"
        with matrix.open("wb") as file:
            for start in range(0, count, CHUNK):
                file.writelines(shingles.keys(questions.some(range(start, min(start + CHUNK, count)))))
        neighbours = Neighbours(matrix, count, shingles=shingles, texts=questions.some, scratch=scratch)
        groups = _Groups(count)
        for number, linked in neighbours.linked():
            for other, likeness in neighbours.alike(number) if linked else ():
                groups.join(number, other)
                if likeness == 1.0:  # whatever is like this one is like the other
                    neighbours.leave_out(number)
                    break
    found = bytearray()
    for number in range(count):
        first = groups.first(number)
        found += keys[first * DIGEST : (first + 1) * DIGEST]
    return found


class _Groups:
    """Disjoint sets of numbers (union-find), each under its least."""

    def __init__(self, count: int) -> None:
        self._up = array("Q", range(count))

    def first(self, number: int) -> int:
        """The least number of the group."""
        up = self._up
        while up[number] != number:
            up[number] = up[up[number]]
            number = up[number]
        return number

    def join(self, one: int, other: int) -> None:
        """Make one group of those of two numbers."""
        one, other = self.first(one), self.first(other)
        self._up[max(one, other)] = min(one, other)


class _Questions:
    """The questions of a file of examples, by number."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Questions:
        self._ends = array("Q", [0])
        with self._path.open("rb") as file:
            for line in file:
                self._ends.append(self._ends[-1] + len(line))
            self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self

    def __exit__(self, *error: object) -> None:
        self._mapped.close()

    def some(self, numbers: Sequence[int]) -> list[str]:
        """Those with these numbers, normalised."""
        lines = (self._mapped[self._ends[number] : self._ends[number + 1]] for number in numbers)
        return all_normalised([question_of(parse_line(line)) for line in lines])
