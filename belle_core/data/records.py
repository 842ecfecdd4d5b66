"""Reads the records of a JSON file, told by its content to be lines, an array or objects one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from belle_core.data.elements import ElementReader
from belle_core.data.lines import read_lines
from belle_core.data.places import Broken, Record, Source
from belle_core.data.strictjson import Malformed, StrictDecoder
from belle_core.data.textfile import TextFile
from belle_core.errors import BelleError

HEAD = 1 << 20
"""Characters that decide which layout a file has."""


def read_records(file: TextFile, source: Source) -> Iterator[Record | Broken]:
    """Every record of *file* in order, and whatever could not be read.

    Raises ``BelleError`` for a file without any record and for one that is not JSON at all.
    """
    pieces = file.pieces()
    head, complete = _head(pieces)
    text = head.lstrip("\ufeff \t\r\n")
    if not text:
        raise BelleError(f"{file.path}: the file is empty", f"{file.path}：文件是空的")
    whole = chain([head], pieces)
    if _is_lines(text, complete):
        items = read_lines(file, whole, source)
    elif text[0] in "[{":
        items = ElementReader(file, whole, source).read()
    else:
        begin = text[:40].splitlines()[0]
        raise BelleError(
            f"{file.path}: neither JSON nor JSON Lines; it begins with {begin!r}",
            f"{file.path}：既不是 JSON 也不是 JSON Lines；开头是 {begin!r}",
        )
    yield from _not_none(file, items)


def _not_none(file: TextFile, items: Iterator[Record | Broken]) -> Iterator[Record | Broken]:
    """*items*, of which there must be one."""
    first = next(items, None)
    if first is None:
        raise BelleError(f"{file.path}: the file holds no record", f"{file.path}：文件里没有任何记录")
    yield first
    yield from items


def _head(pieces: Iterator[str]) -> tuple[str, bool]:
    """The beginning of the file up to 20 lines or ``HEAD`` characters, and whether that is all of it."""
    parts: list[str] = []
    length = newlines = 0
    for piece in pieces:
        parts.append(piece)
        length += len(piece)
        newlines += piece.count("\n")
        if length >= HEAD or newlines > 20:
            return "".join(parts), False
    return "".join(parts), True


def _is_lines(text: str, complete: bool) -> bool:
    """Whether one of the first lines is an object by itself; of an object over several lines the inner ones are indented."""
    lines = text.split("\n", 20)
    whole = [line.rstrip() for line in (lines if complete and len(lines) <= 20 else lines[:-1])]
    return text[0] != "[" and "{" not in whole and any(line.startswith("{") and _is_value(line) for line in whole)


def _is_value(line: str) -> bool:
    try:
        return StrictDecoder().decode(line)[1] == len(line)
    except Malformed as error:
        return error.end == len(line)
