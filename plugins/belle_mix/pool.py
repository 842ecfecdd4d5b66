"""The examples of several sources as a supply: every line becomes an example under its source's name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from belle_core.artifacts import Examples
from belle_core.conversation import Example
from belle_core.data.chunks import Chunk, Outcome
from belle_core.data.filters import Recipe
from belle_core.data.storage import parse_line
from belle_core.data.supply import chunked


def named(name: str, example: Example, number: int = 0) -> Example:
    """The source stands before the id, and a repetition behind it, so that no two are alike."""
    return replace(example, id=f"{name}/{example.id}" + (f"#{number + 1}" if number else ""))


class Reader:
    """Reads the lines of a split whose origin is (source, split); with *rename* examples are named after their source."""

    def __init__(self, rename: bool) -> None:
        self.rename = rename

    def __call__(self, chunk: Chunk) -> Iterator[tuple[int, str, Example]]:
        """Every line is an example."""
        source, split = chunk.origin
        for number, line in enumerate(chunk.records):
            example = parse_line(line)
            yield number, f"{source}/{split}/{example.id}", named(source, example) if self.rename else example


class Pool:
    """A split of all sources, one source after the other."""

    def __init__(self, sources: dict[str, Examples], split: str, *, rename: bool) -> None:
        self.reader: Recipe = ("belle_mix.pool:Reader", "", {"rename": rename})
        self._sources, self._split = sources, split

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Lines; their places are told by their examples."""
        for name, source in self._sources.items():
            path = source.directory / f"{self._split}.jsonl"
            if path.exists():
                with path.open("rb") as file:
                    lines: Iterator[tuple[Any, bytes, int]] = ((None, line, len(line)) for line in file)
                    yield from chunked((name, self._split), lines, size)

    def taken(self, chunk: Chunk, outcome: Outcome) -> None:
        """Nothing is refused."""

    def done(self) -> None:
        """Nothing was refused."""
