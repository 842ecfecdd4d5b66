"""The files behind an option as chunks of records, each with its format; notes what is refused and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import astuple
from itertools import chain, islice
from typing import Any

from belle_core.data import ExamplesWriter
from belle_core.data.chunks import Chunk, Outcome
from belle_core.data.filters import Recipe
from belle_core.data.formats import known_format
from belle_core.data.lines import parsed
from belle_core.data.places import Broken, Record, Source, Unparsed
from belle_core.data.records import open_file, unparsed_records
from belle_core.data.strictjson import StrictDecoder
from belle_core.data.supply import chunked
from belle_core.data.tables import TableFile
from belle_core.data.textfile import TextFile
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.names import unknown
from belle_core.notices import tell
from belle_core.plugins import load_catalog
from belle_core.progress import track
from belle_files.columns import MAY_LACK
from belle_files.config import FilesConfig
from belle_files.inputs import Input, format_of, inputs_of
from belle_files.llamafactory import INFO, ROLES
from belle_files.reading import Origin
from belle_files.tally import Tally

HEAD = 20
"""Records of a file that decide its format."""


class Intake:
    """A supply of all records behind ``data.<option>``, until there are *enough*; what is refused stands in ``rejected.jsonl``."""

    reader: Recipe = ("belle_files.reading:Reader", "", {})

    def __init__(self, config: FilesConfig, writer: ExamplesWriter, option: str, enough: Callable[[], bool]) -> None:
        self.config, self.writer, self.option, self._enough = config, writer, option, enough
        self.tally = Tally(f"data.{option}", config.max_unreadable)
        self._read = 0
        self._complete = True
        self._file: TextFile | TableFile | None = None
        self._plain: dict[bool, str] = {}
        self._of_sets: Counter[int] = Counter()  # records read, of each named data set
        self._fields: set[str] = set()  # that the first records of all files so far have

    def chunks(self, size: int) -> Iterator[Chunk]:
        """All files in order; raises ``BelleError`` for one that cannot be read."""
        inputs = inputs_of(self.config, self.option)
        total = sum(path.stat().st_size for path in {one.source.path for one in inputs})
        label = say(f"reading {self.option}", f"读取 {self.option}")
        chunks = self._all(inputs, size)
        size_of = lambda chunk: len(chunk.records)  # noqa: E731
        shown = track(chunks, total=total, label=label, position=self._position, size=size_of, note=self.writer.note)
        for chunk in shown:
            yield chunk
            if self._enough():
                self._complete = False
                return

    def taken(self, chunk: Chunk, outcome: Outcome) -> None:
        """Every refusal goes into ``rejected.jsonl`` and is counted."""
        for where, reason, evidence in self.tally.judged(chunk, outcome):
            self.writer.reject(where, reason, evidence)

    def done(self) -> None:
        """Raise ``BelleError`` when too many records could not be read."""
        self.tally.judge(complete=self._complete)

    def _position(self) -> int:
        return self._read + (self._file.position if self._file else 0)

    def _all(self, inputs: list[Input], size: int) -> Iterator[Chunk]:
        for number, one in enumerate(inputs):
            with open_file(one.source, self.config.encoding) as self._file:
                items = self._at_most(one, unparsed_records(self._file, one.source))
                head = list(islice(items, HEAD))
                self._keep_apart(one.source)
                origin = self._origin(one, head)
                if number + 1 == len(inputs) and self.option == "path":
                    self._check_columns(inputs)
                yield from chunked(origin, map(_plain, chain(head, items)), size)
                last = number + 1 == len(inputs) or inputs[number + 1].source.path != one.source.path
                self._read += self._file.size if last else 0  # all members of an archive are one file
            self._file = None

    def _at_most(self, one: Input, items: Iterator[Any]) -> Iterator[Any]:
        """*items* until the files of their set have given as many as they may."""
        if one.most is None:
            yield from items
            return
        for item in islice(items, one.most - self._of_sets[one.set]):
            self._of_sets[one.set] += 1
            yield item

    def _keep_apart(self, source: Source) -> None:
        """Raise ``BelleError`` when plain text stands beside records: most likely a page about the data."""
        self._plain.setdefault(isinstance(self._file, TextFile) and self._file.layout == "plain", source.name)
        if len(self._plain) > 1:
            raise BelleError(
                f"{self._plain[True]} is plain text and {self._plain[False]} holds records; read them as two sources "
                "(+data=mix), or leave one out with data.path=[…]",
                f"{self._plain[True]} 是纯文本，而 {self._plain[False]} 是记录；请作为两个来源读取（+data=mix），"
                "或用 data.path=[…] 排除其一",
            )

    def _check_columns(self, inputs: list[Input]) -> None:
        """Raise ``BelleError`` when a field that was named stands in no file; tell it of one that records may lack."""
        named = {pair: None for one in inputs for pair in one.columns.fields.items()}
        for ours, theirs in named if self._fields else ():
            if theirs not in self._fields:
                where = f"{INFO}: {ROLES[ours]}" if self.config.names else f"data.columns.{ours}"
                error = unknown("field", theirs, self._fields, typed=f"{where}={theirs}")
                if ours not in MAY_LACK:
                    raise error
                tell(error.english, error.chinese)

    def _origin(self, one: Input, head: list[Record | Broken | Unparsed]) -> tuple[Any, ...]:
        decoder, source = StrictDecoder(), one.source
        items = [parsed(decoder, source, item) for item in head]
        records = [item for item in items if isinstance(item, Record)]
        self._fields.update(*(record.value for record in records if isinstance(record.value, dict)))
        format = self._format(one, [one.value_of(record) for record in records])
        name = self.config.source or source.stem
        return tuple(Origin(source.name, source.stem, source.alone, format, astuple(one.columns), name))

    def _format(self, one: Input, values: list[Any]) -> str:
        """Where the format to read with is found; empty when nothing could be read that would show it."""
        catalog, name = load_catalog(), self.config.format
        if values:
            name = format_of(one, values, self.config, catalog)
        if name == "auto":
            return ""
        known_format(catalog, name)
        part = catalog.part("format", name)
        part.load()  # a missing package is told before anything runs
        return part.run


def _plain(item: Record | Broken | Unparsed) -> tuple[tuple[int, int], Any, int]:
    """Place and record as the reader wants them, and the length of the record."""
    if isinstance(item, tuple):
        return *item, len(item[1])
    place = (item.place.line, item.place.number)
    if isinstance(item, Record):
        return place, [item.value], _length(item.value)
    return place, (item.reason, item.why, item.lost, item.stops), len(item.why)


def _length(value: Any) -> int:
    """Characters of the texts in a value, and something for everything else."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_length, value.values()))
    return sum(map(_length, value)) if isinstance(value, list) else 8
