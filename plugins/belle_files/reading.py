"""From the records of a file to examples: what every process does with a chunk, given its format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

from belle_core.conversation import Example
from belle_core.data import Format, Place, Refused, Source, Unreadable
from belle_core.data.chunks import Chunk
from belle_core.data.lines import in_line, value_of
from belle_core.data.strictjson import Malformed, StrictDecoder
from belle_files.columns import Columns


class Damaged(Refused):
    """What is no record at all."""

    kind = "damaged"


class Origin(NamedTuple):
    """The file of a chunk, as plain values."""

    name: str
    """What its records call it."""
    stem: str
    alone: bool
    format: str
    """``module:object``; empty when nothing could be read that would show it."""
    columns: tuple[Any, ...]
    """The values of :class:`Columns`."""
    source: str
    """The source of examples that name none."""


class Reader:
    """Reads chunks whose origin is an :class:`Origin` and whose places are (line, number).

    A record is the text of a line, ``[value]`` if it is parsed, or ``(reason, why, lost, stops)`` if it is broken.
    """

    def __init__(self) -> None:
        self._decoder = StrictDecoder()
        self._origin: Origin | None = None

    def __call__(self, chunk: Chunk) -> Iterator[tuple[int, str, Example | Refused]]:
        """Every example, and a refusal for whatever is left out."""
        if chunk.origin != self._origin:
            self._open(Origin(*chunk.origin))
        for number, ((line, position), record) in enumerate(zip(chunk.places, chunk.records)):
            place = Place(self._source, line, position)
            where = str(place)
            try:
                for found in self._found(record, place):
                    yield number, where, self._named(found)
            except Refused as refusal:
                yield number, where, refusal

    def _open(self, origin: Origin) -> None:
        self._origin, self._columns = origin, Columns(*origin.columns)
        self._source = Source(Path(origin.name), origin.name, origin.stem, origin.alone)
        self._format: Format | None = resolve_name(origin.format) if origin.format else None

    def _named(self, found: Example | Refused) -> Example | Refused:
        if isinstance(found, Example) and not found.source and self._origin is not None:
            vars(found)["source"] = (
                self._origin.source
            )  # frozen, but nobody has seen it yet; a copy costs more than all its parts
        return found

    def _found(self, record: Any, place: Place) -> Iterable[Example | Refused]:
        value = self._value(record)
        if self._format is None:
            raise Unreadable("unknown_format", "the first records of the file are broken")
        if not isinstance(value, dict):
            raise Unreadable("not_an_object", type(value).__name__)
        return self._format.examples(self._columns.rename(value), place)

    def _value(self, record: Any) -> Any:
        """What stands there; raises :class:`Damaged`."""
        if isinstance(record, tuple):
            raise Damaged(*record[:2])
        if isinstance(record, list):
            return record[0]
        try:
            return value_of(self._decoder, record)
        except Malformed as error:
            raise Damaged("broken_json", in_line(error)) from None
