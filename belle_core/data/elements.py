"""A JSON array, or objects one after the other, read as a stream: memory holds one window of text, not the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from belle_core.data.lines import encoding_trouble
from belle_core.data.places import Broken, Place, Record, Source
from belle_core.data.strictjson import Malformed, StrictDecoder
from belle_core.data.textfile import TextFile
from belle_core.data.window import OVERLAP, Window
from belle_core.errors import BelleError

TRIED = 20
"""Elements of which one may show how records begin."""
KEY = r'\s*"((?:[^"\\]|\\.)*)"\s*:\s*'
OPENING, ENTRY = re.compile(rf"\{{{KEY}\{{"), re.compile(rf"\s*,{KEY}\{{")
OTHER = re.compile(rf"\s*,{KEY}[^\s{{]")
"""What follows the first two objects of a record that is no mapping."""
PLAIN = r'(?:"(?:[^"\\]|\\.)*"|[-+.\w]+)\s*'
"""A text, a number, or a word such as ``true``."""
WRAPPED = re.compile(
    rf'\{{(?:(?:{KEY}{PLAIN},)*\s*"data"|\s*(?:"type"\s*:\s*{PLAIN},\s*)?"instances")\s*:\s*(?=\[\s*\{{)'
)
"""What stands before the list of all records: ``{"version": 1, "data": [``, or LMFlow's ``{"type": …, "instances": [``."""
FIRST = 1 << 22
"""Characters in which the first two records of a mapping must lie."""


def is_mapping(window: Window, decoder: StrictDecoder) -> bool:
    """Whether an object that begins here is a mapping from names to records: its first two values are objects alike, and so the next."""
    alike: list[set[str]] = []
    names: list[str] = []
    at = window.at
    while len(alike) < 2:
        found = (ENTRY if alike else OPENING).match(window.text, at)
        if not found:
            return False
        try:
            value, at = decoder.decode(window.text, found.end() - 1)
        except Malformed as error:
            if error.end is None and len(window.text) - window.at < FIRST and window.more():
                alike, names, at = [], [], window.at
                continue
            return False
        alike.append(set(value))  # type: ignore[call-overload]
        names.append(found[1])
    common = len(alike[0] & alike[1])
    least = 1 if all(map(str.isdigit, names)) else 2  # numbers are surely no names of fields
    return common >= least and 2 * common >= len(alike[0] | alike[1]) and not OTHER.match(window.text, at)


class ElementReader:
    """Reads one file. After a broken element it goes on where the next begins, if lines show where that is."""

    def __init__(self, file: TextFile, pieces: Iterator[str], source: Source) -> None:
        self.file, self.source = file, source
        self.window, self.decoder = Window(pieces, file.invalid), StrictDecoder()
        self.number = self.good = 0
        self._begin: re.Pattern[str] | None = None
        self._jumped = False

    def read(self) -> Iterator[Record | Broken]:
        """Every element, as a record or as what is wrong with it; a ``[`` opens an array of them, a ``{`` may open a mapping
        or stand around the array."""
        while first := self.window.peek():
            if first == "[":
                yield from self._array()
            elif self.number == 0 and (found := WRAPPED.match(self.window.text, self.window.at)):
                self.window.move(found.end())
                yield from self._wrapped()
            elif self.number == 0 and is_mapping(self.window, self.decoder):
                yield from self._mapping()
            else:
                yield self._element()

    def _mapping(self) -> Iterator[Record | Broken]:
        """The values of one large object; a key becomes the ``id`` of a record that has none."""
        window = self.window
        after = ","
        while after == ",":
            window.move(window.at + 1)  # the { or the comma
            try:
                key = self._key()
            except Malformed as error:
                yield self._skip(error)
                return
            item = self._element()
            if isinstance(item, Record) and isinstance(item.value, dict):
                item = Record(item.place, {"id": key, **item.value})
            yield item
            after = window.peek()
        yield from self._closed(after)

    def _wrapped(self) -> Iterator[Record | Broken]:
        """The array in an object that says something about it; raises ``BelleError`` where more follows that may hold records."""
        window = self.window
        yield from self._array()
        while (after := window.peek()) == ",":
            window.move(window.at + 1)
            try:
                key = self._key()
                if window.peek() in ("[", "{"):
                    raise BelleError(
                        f"{self.file.path}: {key!r} stands beside the list of records; save each list as a file of its own",
                        f"{self.file.path}：{key!r} 与记录列表并列；请把每个列表存为单独的文件",
                    )
                window.move(window.decode(self.decoder)[1])
            except Malformed as error:
                yield self._skip(error)
                return
        yield from self._closed(after)

    def _key(self) -> str:
        """The key that begins here, behind which the window stands before its value; raises :class:`Malformed`."""
        window = self.window
        if window.peek() != '"':
            raise Malformed("expected a key in quotes", window.at)
        key, end = window.decode(self.decoder)
        window.move(end)
        if window.peek() != ":":
            raise Malformed("expected : after a key", window.at)
        window.move(window.at + 1)
        window.peek()
        return str(key)

    def _closed(self, after: str) -> Iterator[Broken]:
        """Goes behind the ``}`` of the object that holds all records, or tells what stands in its place."""
        window = self.window
        if after == "}":
            window.move(window.at + 1)
        elif not self._jumped:
            why = f"expected , or }} but found {after!r}" if after else "the file ends inside the object"
            yield self._skip(Malformed(why, window.at))

    def _array(self) -> Iterator[Record | Broken]:
        window = self.window
        window.move(window.at + 1)
        after = window.peek()
        while after and after != "]":
            yield self._element()
            after = window.peek()
            if after == ",":
                window.move(window.at + 1)
                if (after := window.peek()) == "]":
                    yield self._trouble("a comma stands before the closing ]")
            elif after == "{" and not self._jumped:
                yield self._trouble("a comma is missing between two records")
            elif after not in ("{", "]", ""):
                yield self._skip(Malformed(f"expected , or ] but found {after!r}", window.at))
                after = window.peek()
        if after:
            window.move(window.at + 1)
        elif not self._jumped:
            yield self._trouble("the file ends inside the array")

    def _element(self) -> Record | Broken:
        """The value at the window's place."""
        window, place = self.window, self._place()
        if self._begin is None and self.number < TRIED:
            self._begin = self._line_begin()
        self._jumped = False
        window.undecoded.clear()
        try:
            value, end = window.decode(self.decoder)
        except Malformed as error:
            return self._skip(error)
        window.move(end)
        self.number += 1
        if window.undecoded:
            return Broken(place, "broken_encoding", encoding_trouble(self.file, window.undecoded))
        self.good += 1
        return Record(place, value)

    def _skip(self, error: Malformed) -> Broken:
        """Tell what is wrong and move behind it: to its end if that is known, else to the next record or the end of the file."""
        window, mean = self.window, self.window.used / max(self.good, 1)
        broken = self._trouble(error.why, error.at)
        start = window.used
        if error.end is not None:
            window.move(error.end)
            found = True
        else:
            line = window.text.rfind("\n", window.at, error.at)  # what is in the way may be the next record itself
            window.move(max(line, window.at))
            found, self._jumped = window.find(self._begin), True
        lost = 1 if found or not self.good else max(1, round((window.used - start) / mean))
        self.number += lost
        if window.undecoded:
            broken = replace(broken, reason="broken_encoding", why=encoding_trouble(self.file, window.undecoded))
        return replace(broken, lost=lost, stops=not found and lost > 1)

    def _trouble(self, why: str, at: int | None = None) -> Broken:
        window = self.window
        ahead = 0 if at is None else window.text.count("\n", window.at, at)
        return Broken(Place(self.source, window.line + ahead, self.number), "broken_json", why)

    def _place(self) -> Place:
        return Place(self.source, self.window.line, self.number)

    def _line_begin(self) -> re.Pattern[str] | None:
        """What the beginning of a record looks like, if this one begins a line."""
        text, at = self.window.text, self.window.at
        start = text.rfind("\n", 0, at) + 1
        indent = text[start:at]
        begins_line = len(indent) < OVERLAP // 2 and not indent.strip(" \t\ufeff") and text[at : at + 1] == "{"
        return re.compile(rf"\n{re.escape(indent)}\{{") if begins_line else None
