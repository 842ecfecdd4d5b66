"""A JSON array, or objects one after the other, read as a stream: memory holds one window of text, not the file."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from belle_core.data.lines import LONGEST, encoding_trouble
from belle_core.data.places import Broken, Place, Record, Source
from belle_core.data.strictjson import Malformed, StrictDecoder
from belle_core.data.textfile import BROKEN, TextFile

SPACE = re.compile(r"[ \t\r\n\ufeff]*")
TOKEN = 16
"""Characters that the longest token that can be cut in two takes (a number aside)."""
TRIED = 20
"""Elements of which one may show how records begin."""
OVERLAP = 200
"""Characters kept while searching, since a match may be cut in two."""


OPENING = re.compile(r'\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{')
ENTRY = re.compile(r'\s*,\s*"(?:[^"\\]|\\.)*"\s*:\s*\{')
FIRST = 1 << 22
"""Characters in which the first two records of a mapping must lie."""


class Window:
    """The text that is being looked at: ``text[at:]`` is still to be used, and ``line`` is the line of ``at``."""

    def __init__(self, pieces: Iterator[str], invalid: deque[int]) -> None:
        self._pieces, self._invalid = pieces, invalid
        self.text, self.at, self.line, self.ended = "", 0, 1, False
        self.used = 0
        """Characters that were used up."""
        self.undecoded: list[int] = []
        """Byte offsets of undecodable places in the text that was used up; whoever asks clears it."""

    def more(self) -> bool:
        """Read on until the unused text has doubled; ``False`` at the end of the file."""
        unused = len(self.text) - self.at
        parts = [self.text[self.at :]]
        added = 0
        while not self.ended and added <= unused:
            piece = next(self._pieces, None)
            self.ended = piece is None
            parts.append(piece or "")
            added += len(parts[-1])
        self.text, self.at = "".join(parts), 0
        return added > 0

    def move(self, to: int) -> None:
        """Use up the text before *to*."""
        self.line += self.text.count("\n", self.at, to)
        self.used += to - self.at
        if self._invalid:
            self.undecoded += [self._invalid.popleft() for _ in range(self.text.count(BROKEN, self.at, to))]
        self.at = to

    def peek(self) -> str:
        """The next character that is not white space; empty at the end of the file."""
        while True:
            self.move(SPACE.match(self.text, self.at).end())  # type: ignore[union-attr]
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def find(self, pattern: re.Pattern[str] | None) -> bool:
        """Move to the next match of *pattern*, else to the end of the file, forgetting what lies before."""
        while True:
            found = pattern.search(self.text, self.at) if pattern else None
            if found:
                self.move(found.start())
                return True
            self.move(max(self.at, len(self.text) - (0 if self.ended else OVERLAP)))
            if self.ended:
                return False
            self.more()

    def decode(self, decoder: StrictDecoder) -> tuple[object, int]:
        """The value that begins here and where it ends in ``text``; raises :class:`Malformed`."""
        while True:
            try:
                value, end = decoder.decode(self.text, self.at)
                if end < len(self.text) or self.ended:
                    return value, end
            except Malformed as error:
                if self.ended:
                    raise self._at_end(error) from None
                if error.end is not None or not (_unterminated(error) or error.at + TOKEN >= len(self.text)):
                    raise
            if len(self.text) - self.at > LONGEST:
                raise Malformed(f"a record is longer than {LONGEST:,} characters", self.at)
            self.more()

    def _at_end(self, error: Malformed) -> Malformed:
        """*error*, or that a record has begun here and the file ends before it does."""
        over = error.end is None and (_unterminated(error) or error.at >= len(self.text.rstrip()))
        return Malformed("the file ends inside a record", error.at) if over and self.text[self.at] in "{[" else error


def _unterminated(error: Malformed) -> bool:
    return error.why.startswith("Unterminated")


def is_mapping(window: Window, decoder: StrictDecoder) -> bool:
    """Whether an object that begins here is a mapping from names to records: its first two values are objects alike."""
    alike: list[set[str]] = []
    at = window.at
    while len(alike) < 2:
        found = (ENTRY if alike else OPENING).match(window.text, at)
        if not found:
            return False
        try:
            value, at = decoder.decode(window.text, found.end() - 1)
        except Malformed as error:
            if error.end is None and len(window.text) - window.at < FIRST and window.more():
                alike, at = [], window.at
                continue
            return False
        alike.append(set(value))  # type: ignore[call-overload]
    common = len(alike[0] & alike[1])
    return common > 1 and 2 * common >= len(alike[0] | alike[1])


class ElementReader:
    """Reads one file. After a broken element it goes on where the next begins, if lines show where that is."""

    def __init__(self, file: TextFile, pieces: Iterator[str], source: Source) -> None:
        self.file, self.source = file, source
        self.window, self.decoder = Window(pieces, file.invalid), StrictDecoder()
        self.number = self.good = 0
        self._begin: re.Pattern[str] | None = None
        self._jumped = False

    def read(self) -> Iterator[Record | Broken]:
        """Every element, as a record or as what is wrong with it; a ``[`` opens an array of them, a ``{`` may open a mapping."""
        while first := self.window.peek():
            if first == "[":
                yield from self._array()
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
                if window.peek() != '"':
                    raise Malformed("expected a key in quotes", window.at)
                key, end = window.decode(self.decoder)
                window.move(end)
                if window.peek() != ":":
                    raise Malformed("expected : after a key", window.at)
                window.move(window.at + 1)
                window.peek()
            except Malformed as error:
                yield self._skip(error)
                return
            item = self._element()
            if isinstance(item, Record) and isinstance(item.value, dict):
                item = Record(item.place, {"id": key, **item.value})
            yield item
            after = window.peek()
        if after == "}":
            window.move(window.at + 1)
        elif not self._jumped:
            yield self._skip(
                Malformed(
                    f"expected , or }} but found {after!r}" if after else "the file ends inside the object", window.at
                )
            )

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
