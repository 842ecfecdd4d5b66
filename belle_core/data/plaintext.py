"""A plain text: one document, handed on in pieces that end where a line ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from belle_core.data.lines import LONGEST, encoding_trouble, split_lines
from belle_core.data.places import Broken, Place, Record, Source
from belle_core.data.textfile import BROKEN, TextFile

PIECE = 10_000
"""Characters after which a piece ends with the line."""


def read_text(file: TextFile, pieces: Iterable[str], source: Source) -> Iterator[Record | Broken]:
    """The pieces as ``{"text": …}``; blank lines at their ends are left away."""
    begun: list[str] = []
    length = number = 0
    first = 1
    for line, text in enumerate(split_lines(pieces), 1):
        if text is None:
            place = Place(source, line, number)
            yield Broken(place, "too_long", f"the line is longer than {LONGEST:,} characters")
            number += 1
            continue
        begun.append(text.rstrip("\r"))
        length += len(text)
        if length >= PIECE or len(begun) >= PIECE:  # blank lines take room too
            yield from _piece(file, begun, Place(source, first, number))
            begun, length, first, number = [], 0, line + 1, number + 1
    yield from _piece(file, begun, Place(source, first, number))


def _piece(file: TextFile, lines: list[str], place: Place) -> Iterator[Record | Broken]:
    text = "\n".join(lines).strip("\ufeff\n")
    if file.invalid and (count := text.count(BROKEN)):
        offsets = [file.invalid.popleft() for _ in range(count) if file.invalid]
        yield Broken(place, "broken_encoding", encoding_trouble(file, offsets))
    elif text.strip():
        yield Record(place, {"text": text})
