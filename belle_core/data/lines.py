"""JSON Lines: one value a line, so that a broken line costs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from belle_core.data.places import Broken, Place, Record, Source, Unparsed
from belle_core.data.strictjson import Malformed, StrictDecoder
from belle_core.data.textfile import BROKEN, TextFile

LONGEST = 1 << 25
"""Characters of the longest record that is read; what is longer is no record."""

ANSWERS = ("assistant", "chosen", "rejected")
"""What answers ``user`` in an exchange; ``response`` answers ``prompt``."""
MOST = 150
"""Exchanges of the longest conversation that Qianfan takes."""


def read_lines(file: TextFile, pieces: Iterable[str], source: Source) -> Iterator[Unparsed | Broken]:
    """Every line that is not blank; only those that cannot hold a record are told already."""
    number = 0
    dense = Dense(pieces)
    for count, text in enumerate(split_lines(dense), 1):
        line = count + dense.passed
        if text is None:
            why = f"the line is longer than {LONGEST:,} characters"
            yield Broken(Place(source, line, number), "broken_json", why)
        elif not (text := text.strip("\ufeff \t\r")):  # a mark stands at every seam of files put together
            continue
        elif file.invalid and BROKEN in text:
            offsets = [file.invalid.popleft() for _ in range(text.count(BROKEN)) if file.invalid]
            yield Broken(Place(source, line, number), "broken_encoding", encoding_trouble(file, offsets))
        else:
            yield (line, number), text
        number += 1


def parsed(decoder: StrictDecoder, source: Source, item: Record | Broken | Unparsed) -> Record | Broken:
    """The record in a line, or what is wrong with it; whatever was parsed already stays as it is."""
    if not isinstance(item, tuple):
        return item
    place, text = Place(source, *item[0]), item[1]
    try:
        return Record(place, value_of(decoder, text))
    except Malformed as error:
        return Broken(place, "broken_json", in_line(error))


def value_of(decoder: StrictDecoder, text: str) -> Any:
    """The value in a line, a conversation under that name; raises ``Malformed``."""
    value = decoder.whole(text)
    return {"conversation": value} if isinstance(value, list) and is_conversation(value) else value


def is_conversation(value: list[Any]) -> bool:
    """Whether a list is a conversation, not a list of records: Baidu Qianfan writes an array of exchanges in each line."""
    first = value[0] if 0 < len(value) <= MOST else None
    if not isinstance(first, dict):
        return False
    return ("prompt" in first and isinstance(first.get("response"), list)) or (
        "user" in first and not first.keys().isdisjoint(ANSWERS)
    )


def in_line(error: Malformed) -> str:
    """Words for what is wrong in a line."""
    return f"{error.why} (character {error.at + 1} of the line)"


def encoding_trouble(file: TextFile, offsets: list[int]) -> str:
    """Words for bytes that could not be decoded."""
    return f"not {file.encoding} at byte offset {offsets[0]}"


class Dense:
    """*pieces* without those that are nothing but blank lines, which are counted in ``passed``.

    Whoever reads lines inside quotes, where blank ones count, says so with ``between=False``.
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self.passed, self.between = 0, True
        self._pieces = pieces

    def __iter__(self) -> Iterator[str]:
        ended, kept = True, ""
        for piece in self._pieces:
            whole = kept + piece
            kept = whole[len(whole.rstrip("\r")) :]  # the line feed that belongs to it comes next
            whole = whole.removesuffix(kept)
            if ended and self.between and not whole.strip("\r\n"):
                self.passed += whole.count("\n")
                continue
            ended = whole.endswith("\n") or (ended and not whole)
            yield whole
        yield kept


def split_lines(pieces: Iterable[str]) -> Iterator[str | None]:
    """Lines without their end, split at ``\\n`` only (``str.splitlines`` also splits inside texts); ``None`` for a monster."""
    begun: list[str] = []
    length = 0
    for piece in pieces:
        first, *others = piece.split("\n")
        length += len(first)
        if length <= LONGEST:
            begun.append(first)
        if others:
            yield "".join(begun) if length <= LONGEST else None
            yield from others[:-1]
            begun, length = [others[-1]], len(others[-1])
    if length:
        yield "".join(begun) if length <= LONGEST else None
