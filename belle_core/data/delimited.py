"""Tables as text: a header, then rows, with commas, tabs or semicolons between the fields."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from belle_core.data.lines import LONGEST, encoding_trouble, split_lines
from belle_core.data.places import Broken, Place, Record, Source
from belle_core.data.textfile import BROKEN, TextFile
from belle_core.errors import BelleError

csv.field_size_limit(LONGEST)  # of the process; a long answer is a field
DELIMITERS = (",", "\t", ";")
NAME = re.compile(r"[^\W\d][\w .\-/]{0,39}")
"""What the name of a column looks like."""
STATED = re.compile(r"""\s*\ufeff?(?P<quote>"?)sep=(?P<sign>.)(?P=quote)[ \t]*(\r?\n|\r|$)""", re.IGNORECASE)
"""A first line for Excel that says what separates the fields."""
MOST = 0.9
"""Share of the first rows that must have as many fields as the header."""


def delimiter_of(text: str, complete: bool) -> str | None:
    """What separates the fields of a table that begins with *text*, ``None`` for a text that is no table.

    A table has a header of names, and as many fields in nearly every row. A single column must have its name in quotes.
    """
    stated = STATED.match(text)
    offered = (stated["sign"],) if stated else DELIMITERS
    rest = text[stated.end() :] if stated else text
    return next((delimiter for delimiter in offered if _fits(rest, complete, delimiter)), None)


def _fits(text: str, complete: bool, delimiter: str) -> bool:
    lines = text.splitlines(keepends=True)
    try:
        rows = [row for row in csv.reader(lines if complete else lines[:-1], delimiter=delimiter, strict=True) if row]
    except csv.Error:  # the text ends inside quotes, or quotes are no quotes here
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row][:-1]
    header, *others = rows or [[]]
    named = len(set(header)) == len(header) and all(NAME.fullmatch(name) for name in header)
    single = len(header) == 1 and not text.startswith(f'"{header[0]}"')
    fitting = sum(len(row) == len(header) for row in others)
    return named and not single and fitting > MOST * len(others)


def misfit_of(text: str) -> tuple[str, str]:
    """What is wrong with the beginning of a table that :func:`delimiter_of` does not know as one, in words."""
    stated = STATED.match(text)
    lines = (text[stated.end() :] if stated else text).splitlines(keepends=True) or [""]
    reader = csv.reader(lines, delimiter=stated["sign"] if stated else max(DELIMITERS, key=lines[0].count))
    if len(lines) == 1:
        return "it has no rows", "没有数据行"
    width = len(next(reader))
    if width == 1:
        return "a table of one column has its name in quotes", "只有一列的表格，列名应加引号"
    for row in reader:
        if row and len(row) != width:
            line, count = reader.line_num, len(row)
            return (
                f"the row that ends in line {line} has {count} fields and the header {width}; is a quote missing?",
                f"到第 {line} 行结束的一行有 {count} 个字段，而表头有 {width} 个；是否缺少引号？",
            )
    return "its first line is no list of different names", "第一行不是互不相同的列名"


def read_rows(file: TextFile, pieces: Iterable[str], source: Source, delimiter: str) -> Iterator[Record | Broken]:
    """Every row as an object of texts by column, or what is wrong with it."""
    lines = (f"{line or ''}\n" for line in split_lines(pieces))
    reader = csv.reader(_unstated(lines), delimiter=delimiter)
    try:
        header = [name.strip("\ufeff \t") for name in next((row for row in reader if row), [])]
    except csv.Error as error:  # a lone carriage return
        raise BelleError(
            f"{file.path}: the header of the table cannot be read ({error})", f"{file.path}：无法读取表头（{error}）"
        ) from error
    number, line = 0, reader.line_num + 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Broken(Place(source, line, number), "broken_row", str(error))
            row = []
        if row:
            yield _record(row, header, Place(source, line, number), file)
            number += 1
        line = reader.line_num + 1


def _unstated(lines: Iterator[str]) -> Iterator[str]:
    """*lines*, of which one that states the separator is blank, so that the others keep their numbers."""
    for line in lines:
        if line.strip("\ufeff \t\r\n"):
            yield "\n" if STATED.fullmatch(line) else line
            break
        yield "\n"
    yield from lines


def _record(row: list[str], header: list[str], place: Place, file: TextFile) -> Record | Broken:
    if file.invalid and (count := sum(field.count(BROKEN) for field in row)):
        offsets = [file.invalid.popleft() for _ in range(count) if file.invalid]
        return Broken(place, "broken_encoding", encoding_trouble(file, offsets))
    if len(row) != len(header):
        return Broken(place, "broken_row", f"{len(row)} fields where the header has {len(header)}")
    return Record(place, dict(zip(header, row, strict=True)))
