"""Where the examples to be cleaned come from: a supply hands out chunks of unread records, and is told what its reader refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from belle_core.conversation import Example
from belle_core.data.chunks import LINES, Chunk, Outcome
from belle_core.data.filters import Recipe
from belle_core.data.storage import line_of

CHARACTERS = 1 << 17
"""Length of records at which a chunk ends before it has as many as it may."""


class Supply(Protocol):
    """What :func:`belle_core.data.clean` takes."""

    reader: Recipe
    """Makes the :class:`belle_core.data.chunks.Reader` of its chunks in any process."""

    def chunks(self, size: int) -> Iterator[Chunk]:
        """All records in order, at most *size* to a chunk; ends early when enough is kept."""

    def taken(self, chunk: Chunk, outcome: Outcome) -> None:
        """Learns, in order, what became of every chunk; notes what was refused."""

    def done(self) -> None:
        """No chunk is left; may raise ``BelleError`` if too much was refused."""


class Given:
    """A supply of examples that are there already, each with where it stands."""

    reader = LINES

    def __init__(self, examples: Iterable[tuple[Any, Example]]) -> None:
        self._examples = examples

    def chunks(self, size: int) -> Iterator[Chunk]:
        """The examples as lines."""
        lines = ((str(place), line_of(example)) for place, example in self._examples)
        return chunked(None, ((place, line, len(line)) for place, line in lines), size)

    def taken(self, chunk: Chunk, outcome: Outcome) -> None:
        """Nothing is refused."""

    def done(self) -> None:
        """Nothing was refused."""


def chunked(origin: Any, records: Iterable[tuple[Any, Any, int]], size: int) -> Iterator[Chunk]:
    """Places and records, with the characters of each, in chunks of *size*; shorter where records are long."""
    places: list[Any] = []
    chunk: list[Any] = []
    characters = 0
    for place, record, length in records:
        places.append(place)
        chunk.append(record)
        characters += length
        if len(chunk) >= size or characters >= CHARACTERS:
            yield Chunk(origin, places, chunk)
            places, chunk, characters = [], [], 0
    if chunk:
        yield Chunk(origin, places, chunk)
