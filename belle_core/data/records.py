"""Reads the records of a file, told by its content to be JSON of some layout, a table or plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from belle_core.data.delimited import delimiter_of, misfit_of, read_rows
from belle_core.data.elements import ElementReader
from belle_core.data.lines import is_conversation, parsed, read_lines
from belle_core.data.packing import head_of
from belle_core.data.places import Broken, Record, Source, Unparsed
from belle_core.data.plaintext import read_text
from belle_core.data.strictjson import Malformed, StrictDecoder
from belle_core.data.tables import FILE, PARQUET, STREAM, TableFile
from belle_core.data.textfile import TextFile
from belle_core.errors import BelleError
from belle_core.smallfiles import readable

JSON = re.compile(r"\{|\[\s*([\[\]{\"\d-]|true|false|null|$)")
"""How a text begins that is meant to be JSON."""
CALLED_JSON = re.compile(r"\.jsonl?(\.\w+)?$")
CALLED_TABLE = re.compile(r"\.[ct]sv(\.\w+)?$")
"""Names of files that are damaged when they hold anything else; what they hold is told by content alone."""
NO_DATA = {
    "<!doctype html": ("a web page", "网页"),
    "<html": ("a web page", "网页"),
    "<?xml": ("XML", "XML"),
    "version https://git-lfs": (
        "a Git LFS pointer instead of the data; `git lfs pull` fetches it",
        "Git LFS 指针而不是数据；请用 `git lfs pull` 获取",
    ),
}
"""What is often found in place of the data."""
BLANK = "\ufeff \t\r\n"
"""What may stand before the first record."""
HEAD = 1 << 20
"""Characters that decide which layout a file has."""


def open_file(source: Source, encoding: str = "auto") -> TextFile | TableFile:
    """The file behind *source*, to be read by :func:`read_records`; raises ``BelleError``."""
    with readable(source.path):
        head = b"" if source.member else head_of(source.path)
        if head.startswith((PARQUET, FILE, STREAM)):
            return TableFile(source.path, head)
        return TextFile(source.path, encoding, source.member)


def read_records(file: TextFile | TableFile, source: Source) -> Iterator[Record | Broken]:
    """Every record of *file* in order, and whatever could not be read.

    Raises ``BelleError`` for a file without any record.
    """
    decoder = StrictDecoder()
    return (parsed(decoder, source, item) for item in unparsed_records(file, source))


def unparsed_records(file: TextFile | TableFile, source: Source) -> Iterator[Record | Broken | Unparsed]:
    """The same, but what stands in a line of its own is left to be parsed elsewhere."""
    return _not_none(file, file.records(source) if isinstance(file, TableFile) else _of_text(file, source))


def _of_text(file: TextFile, source: Source) -> Iterator[Record | Broken | Unparsed]:
    pieces = file.pieces()
    head, complete = _head(pieces)
    text = head.lstrip(BLANK)
    if not text:
        raise BelleError(f"{file.path}: the file is empty", f"{file.path}：文件是空的")
    whole: Iterator[str] = chain([head], pieces)
    file.layout = "json"
    if _is_lines(text, complete):
        return read_lines(file, whole, source)
    if JSON.match(text):
        return ElementReader(file, whole, source).read()
    _refuse(file, text, source.name)
    if delimiter := delimiter_of(text, complete):
        file.layout = "table"
        if "\r" in head and "\n" not in head:  # as Excel for the Mac has them
            whole = (piece.replace("\r", "\n") for piece in whole)
        return read_rows(file, whole, source, delimiter)
    if CALLED_TABLE.search(source.name):
        english, chinese = misfit_of(text)
        raise BelleError(
            f"{source.name}: is no table with a header and as many fields in every row: {english}",
            f"{source.name}：不是带表头且各行字段数相同的表格：{chinese}",
        )
    file.layout = "plain"
    return read_text(file, whole, source)


def _refuse(file: TextFile, text: str, name: str) -> None:
    """Raise ``BelleError`` for a text that nobody means to train on."""
    begin = text[:100].lower()
    what = ("no text (it holds zero bytes)", "二进制文件而不是文本（含有零字节）") if "\0" in text else None
    what = what or next((words for start, words in NO_DATA.items() if begin.startswith(start)), None)
    if what:
        raise BelleError(f"{file.path}: is {what[0]}", f"{file.path}：是{what[1]}")
    if CALLED_JSON.search(name):
        begin = text[:40].rstrip()
        raise BelleError(
            f"{file.path}: neither JSON nor JSON Lines; it begins with {begin!r}",
            f"{file.path}：既不是 JSON 也不是 JSON Lines；开头是 {begin!r}",
        )


def _not_none(
    file: TextFile | TableFile, items: Iterator[Record | Broken | Unparsed]
) -> Iterator[Record | Broken | Unparsed]:
    """*items*, of which there must be one."""
    first = next(items, None)
    if first is None:
        raise BelleError(f"{file.path}: the file holds no record", f"{file.path}：文件里没有任何记录")
    return chain([first], items)


def _head(pieces: Iterator[str]) -> tuple[str, bool]:
    """The beginning of the file up to 20 lines or ``HEAD`` characters after what is blank, and whether that is all of it."""
    parts: list[str] = []
    length = newlines = 0
    for piece in pieces:
        parts.append(piece)
        text = piece if length else piece.lstrip(BLANK)
        length += len(text)
        newlines += text.count("\n")
        if length >= HEAD or newlines > 20:
            return "".join(parts), False
    return "".join(parts), True


def _is_lines(text: str, complete: bool) -> bool:
    """Whether one of several first lines is an object by itself; of an object over several lines the inner ones are indented."""
    lines = text.split("\n", 20)
    whole = [line.rstrip() for line in (lines if complete and len(lines) <= 20 else lines[:-1])]
    several = "\n" in text.rstrip()
    if whole and _holds_conversation(whole[0], several):
        return True
    several = several and "{" not in whole and not whole[0].endswith("[") and not _opens_array(whole[0])
    return several and any(line.startswith("{") and _is_value(line) for line in whole)


def _holds_conversation(line: str, several: bool) -> bool:
    """Whether all of *line* is a conversation; where it is the only one, ``user`` and ``assistant`` may be a record each."""
    if not line.startswith("["):
        return False
    try:
        return is_conversation(StrictDecoder().whole(line)) and (several or '"response"' in line)
    except Malformed:
        return False


def _opens_array(line: str) -> bool:
    """Whether an array of records begins here; one that ends in its line and holds none is a line like any other."""
    if line[0] != "[":
        return False
    try:
        value, end = StrictDecoder().decode(line)
    except Malformed:
        return True
    return end < len(line) or any(isinstance(item, dict) for item in value)  # type: ignore[attr-defined]


def _is_value(line: str) -> bool:
    try:
        return StrictDecoder().decode(line)[1] == len(line)
    except Malformed as error:
        return error.end == len(line)
