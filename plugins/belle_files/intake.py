"""From files to examples: chooses the format of every file, and notes what is refused and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from belle_core.conversation import Example
from belle_core.data import ExamplesWriter, Format, Place, Refused, Source, Unreadable
from belle_core.data.formats import choose_format, load_format
from belle_core.data.places import Broken, Record
from belle_core.data.records import open_file, read_records
from belle_core.data.tables import TableFile
from belle_core.data.textfile import TextFile
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.plugins import load_catalog
from belle_core.progress import track
from belle_files.config import FilesConfig
from belle_files.inputs import Input, inputs_of
from belle_files.tally import Tally

HEAD = 20
"""Records of a file that decide its format."""


class Intake:
    """Reads the files behind an option; what it does not yield stands in ``rejected.jsonl``."""

    def __init__(self, config: FilesConfig, writer: ExamplesWriter) -> None:
        self.config, self.writer = config, writer
        self._read = 0
        self._file: TextFile | TableFile | None = None
        self._plain: dict[bool, str] = {}

    def examples(self, option: str, enough: Callable[[], bool]) -> Iterator[tuple[Place, Example]]:
        """Every example with its place until *enough*; raises ``BelleError`` when too many records cannot be read."""
        tally = Tally(f"data.{option}", self.config.max_unreadable)
        inputs = inputs_of(self.config, option)
        self._read = 0
        total = sum(path.stat().st_size for path in {one.source.path for one in inputs})
        label = say(f"reading {option}", f"读取 {option}")
        complete = True
        records = self._all(inputs, tally)
        for place, example in track(records, total=total, label=label, position=self._position, note=self.writer.note):
            yield place, example
            if enough():
                complete = False
                break
        tally.judge(complete=complete)

    def _position(self) -> int:
        return self._read + (self._file.position if self._file else 0)

    def _all(self, inputs: list[Input], tally: Tally) -> Iterator[tuple[Place, Example]]:
        for number, one in enumerate(inputs):
            with open_file(one.source, self.config.encoding) as self._file:
                items = islice(read_records(self._file, one.source), one.most)
                yield from self._of_file(items, one, tally)
                last = number + 1 == len(inputs) or inputs[number + 1].source.path != one.source.path
                self._read += self._file.size if last else 0  # all members of an archive are one file
            self._file = None

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

    def _of_file(self, items: Iterator[Record | Broken], one: Input, tally: Tally) -> Iterator[tuple[Place, Example]]:
        head = list(islice(items, HEAD))
        self._keep_apart(one.source)
        format = self._format([one.value_of(item) for item in head if isinstance(item, Record)], one.source)
        name = self.config.source or one.source.stem
        for item in chain(head, items):
            if isinstance(item, Broken):
                self.writer.reject(str(item.place), item.reason, tally.broken(item))
                continue
            tally.seen += 1
            for example in self._convert(item.place, one.value_of(item), format, tally):
                yield item.place, example if example.source else replace(example, source=name)

    def _format(self, values: list[Any], source: Source) -> Format | None:
        """The format to read with; ``None`` when nothing could be read that would show it."""
        if self.config.format != "auto":
            return load_format(load_catalog(), self.config.format)
        return choose_format(values, load_catalog(), where=str(source.path)) if values else None

    def _convert(self, place: Place, value: Any, format: Format | None, tally: Tally) -> list[Example]:
        """The examples in a record; what is refused is noted."""
        found: list[Example | Refused]
        try:
            if format is None:
                raise Unreadable("unknown_format", f"the first {HEAD} records of the file are broken")
            if not isinstance(value, dict):
                raise Unreadable("not_an_object", type(value).__name__)
            found = list(format.examples(value, place))
        except Refused as refusal:
            found = [refusal]
        examples = []
        for item in found:
            if isinstance(item, Refused):
                self.writer.reject(str(place), item.reason, item.evidence)
                if isinstance(item, Unreadable):
                    tally.unreadable_record(place, item)
            else:
                examples.append(item)
        return examples
