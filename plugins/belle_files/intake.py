"""From files to examples: chooses the format of every file, and notes what is refused and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from belle_core.conversation import Example
from belle_core.data import ExamplesWriter, Format, Place, Refused, Source, Unreadable
from belle_core.data.formats import choose_format, load_format
from belle_core.data.places import Broken, Record, sources_of
from belle_core.data.records import read_records
from belle_core.data.textfile import TextFile
from belle_core.digest import expand
from belle_core.language import say
from belle_core.plugins import load_catalog
from belle_core.progress import track
from belle_files.config import FilesConfig
from belle_files.tally import Tally

HEAD = 20
"""Records of a file that decide its format."""


class Intake:
    """Reads the files behind an option; what it does not yield stands in ``rejected.jsonl``."""

    def __init__(self, config: FilesConfig, writer: ExamplesWriter) -> None:
        self.config, self.writer = config, writer
        self._read = 0
        self._file: TextFile | None = None

    def examples(self, option: str, value: Any, enough: Callable[[], bool]) -> Iterator[tuple[Place, Example]]:
        """Every example with its place until *enough*; raises ``BelleError`` when too many records cannot be read."""
        tally = Tally(f"data.{option}", self.config.max_unreadable)
        sources = sources_of(expand(value, option=f"data.{option}"))
        self._read = 0
        total = sum(source.path.stat().st_size for source in sources)
        label = say(f"reading {option}", f"读取 {option}")
        complete = True
        records = self._all(sources, tally)
        for place, example in track(records, total=total, label=label, position=self._position, note=self.writer.note):
            yield place, example
            if enough():
                complete = False
                break
        tally.judge(complete=complete)

    def _position(self) -> int:
        return self._read + (self._file.position if self._file else 0)

    def _all(self, sources: list[Source], tally: Tally) -> Iterator[tuple[Place, Example]]:
        for source in sources:
            with TextFile(source.path, self.config.encoding) as self._file:
                yield from self._of_file(read_records(self._file, source), source, tally)
                self._read += self._file.size
            self._file = None

    def _of_file(
        self, items: Iterator[Record | Broken], source: Source, tally: Tally
    ) -> Iterator[tuple[Place, Example]]:
        head = list(islice(items, HEAD))
        format = self._format([item.value for item in head if isinstance(item, Record)], source)
        name = self.config.source or source.stem
        for item in chain(head, items):
            if isinstance(item, Broken):
                self.writer.reject(str(item.place), item.reason, tally.broken(item))
                continue
            tally.seen += 1
            for example in self._convert(item, format, tally):
                yield item.place, example if example.source else replace(example, source=name)

    def _format(self, values: list[Any], source: Source) -> Format | None:
        """The format to read with; ``None`` when nothing could be read that would show it."""
        if self.config.format != "auto":
            return load_format(load_catalog(), self.config.format)
        return choose_format(values, load_catalog(), where=str(source.path)) if values else None

    def _convert(self, record: Record, format: Format | None, tally: Tally) -> list[Example]:
        """The examples in *record*; what is refused is noted."""
        found: list[Example | Refused]
        try:
            if format is None:
                raise Unreadable("unknown_format", f"the first {HEAD} records of the file are broken")
            if not isinstance(record.value, dict):
                raise Unreadable("not_an_object", type(record.value).__name__)
            found = list(format.examples(record.value, record.place))
        except Refused as refusal:
            found = [refusal]
        examples = []
        for item in found:
            if isinstance(item, Refused):
                self.writer.reject(str(record.place), item.reason, item.evidence)
                if isinstance(item, Unreadable):
                    tally.unreadable_record(record.place, item)
            else:
                examples.append(item)
        return examples
