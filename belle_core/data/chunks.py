"""The work that is done on a chunk of records, wherever it is done.

:class:`Work` is the one callable that every runner uses: made of plain values, it can be pickled; called with a :class:`Chunk` it reads the
records, filters them one by one, and gives an :class:`Outcome` with the lines that are kept, what corpus filters want to know of them, and all that
was left out. It keeps no state, so chunks can be worked on anywhere and in any order; whoever runs it puts the outcomes in order.
"""

from __future__ import annotations

import json
import marshal
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pkgutil import resolve_name
from typing import Any, NamedTuple, Protocol
from zlib import crc32

from belle_core.conversation import Example
from belle_core.data.batches import Batch
from belle_core.data.filters import Drop, Recipe
from belle_core.data.formats import Refused
from belle_core.data.storage import parse_line

DIGEST = 16
ENTRY = struct.Struct(f"<{DIGEST}sQI")
"""What stands before a packed :class:`Outcome`."""


class Chunk(NamedTuple):
    """Records that nobody has read yet, as plain values that can be sent to any process."""

    origin: Any
    """What all have in common, such as the file and its format."""
    places: list[Any]
    """Where each stands."""
    records: list[Any]
    """Each in the form that its reader knows."""

    def digest(self) -> bytes:
        """The same for equal chunks in all processes."""
        return blake2b(
            marshal.dumps(tuple(self), 2), digest_size=DIGEST
        ).digest()  # later versions depend on references


class Reader(Protocol):
    """Makes examples of records; runs in several processes, so it keeps no state that matters."""

    def __call__(self, chunk: Chunk) -> Iterator[tuple[int, str, Example | Refused]]:
        """In order: number of the record in the chunk, where it stands (``file:line``), and an example or why there is none."""


@dataclass
class Outcome:
    """What became of a chunk. Nothing else disappears: examples read + added by dividing = dropped + kept."""

    kept: Batch = field(default_factory=Batch)
    refused: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    """Number of the record in the chunk, where it stands, kind of :class:`Refused`, reason and evidence."""
    dropped: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    """Number of the filter, where the example stood, its id, reason and evidence."""
    read: int = 0
    """Examples that the reader gave."""
    changed: Counter[int] = field(default_factory=Counter)
    """Examples changed, by number of the filter."""
    added: Counter[int] = field(default_factory=Counter)
    """Examples more than before because some were divided, by number of the filter."""

    def packed(self, chunk: Chunk) -> bytes:
        """As what became of *chunk*: its digest, length and checksum of what follows, and the values."""
        kept = tuple(vars(self.kept).values())
        data = marshal.dumps((kept, self.refused, self.dropped, self.read, dict(self.changed), dict(self.added)))
        return ENTRY.pack(chunk.digest(), len(data), crc32(data)) + data

    @classmethod
    def unpacked(cls, entry: bytes) -> Outcome:
        """The inverse of :meth:`packed`."""
        kept, refused, dropped, read, changed, added = marshal.loads(memoryview(entry)[ENTRY.size :])
        return cls(Batch(*kept), refused, dropped, read, Counter(changed), Counter(added))


class Work:
    """A reader, filters of single records in order, and the corpus filters that follow them, each by the recipe that makes it.

    ``keys``: whether the keys of the questions are wanted.
    """

    def __init__(self, reader: Recipe, filters: Sequence[Recipe], corpora: Sequence[Recipe], keys: bool) -> None:
        self.recipe = (reader, list(filters), list(corpora), keys)
        self.reader: Reader = made(*reader)
        self.filters: list[Callable[[Example], Any]] = [made(*recipe) for recipe in filters]
        self.corpora = [made(*recipe) for recipe in corpora]
        self.keys = keys

    def __reduce__(self) -> tuple[type[Work], tuple[Any, ...]]:
        return Work, self.recipe

    def __call__(self, chunk: Chunk) -> Outcome:
        """Work on one chunk; an error of a filter says which record it happened on."""
        outcome = Outcome()
        examples: list[Example] = []
        wheres: list[str] = []
        for number, where, found in self.reader(chunk):
            if isinstance(found, Refused):
                outcome.refused.append((number, where, found.kind, found.reason, found.evidence))
                continue
            outcome.read += 1
            try:
                after = list(self._through(found, 0, where, outcome)) if self.filters else [found]
            except Exception as error:
                error.add_note(f"while cleaning {where}: {json.dumps(found.to_json(), ensure_ascii=False)[:500]}")
                raise
            examples += after
            wheres += [where] * len(after)
        outcome.kept = Batch.of(chunk.origin, wheres, examples, self.corpora, keys=self.keys)
        return outcome

    def _through(self, example: Example, first: int, where: str, outcome: Outcome) -> Iterator[Example]:
        """What is left of *example* after the filters from number *first* on."""
        for place in range(first, len(self.filters)):
            result = self.filters[place](example)
            if result is example:
                continue
            if isinstance(result, Drop):
                outcome.dropped.append((place, where, example.id, result.reason, result.evidence))
                return
            outcome.changed[place] += 1
            if isinstance(result, Example):
                example = result
                continue
            outcome.added[place] += len(result) - 1
            for piece in result:
                if isinstance(piece, Drop):
                    outcome.dropped.append((place, where, example.id, piece.reason, piece.evidence))
                else:
                    yield from self._through(piece, place + 1, where, outcome)
            return
        yield example


def answering(*recipe: Any) -> Callable[[Any], bytes]:
    """The work as :class:`belle_core.data.workers.Pool` wants it: from plain values to a packed :class:`Outcome`."""
    work = Work(*recipe)
    return lambda message: work(chunk := Chunk(*message)).packed(chunk)


class Lines:
    """Reads examples as lines of JSON; their places are words already."""

    def __call__(self, chunk: Chunk) -> Iterator[tuple[int, str, Example]]:
        """Every line is an example."""
        for number, (where, line) in enumerate(zip(chunk.places, chunk.records)):
            yield number, where, parse_line(line)


LINES: Recipe = ("belle_core.data.chunks:Lines", "", {})


def made(run: str, config: str, values: dict[str, Any]) -> Any:
    """What a recipe makes."""
    return resolve_name(run)(resolve_name(config)(**values)) if config else resolve_name(run)(**values)
