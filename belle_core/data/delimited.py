"""Tables as text: a header, then rows, with commas, tabs or semicolons between the fields."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Any

from belle_core.data.lines import LONGEST, Dense, encoding_trouble, split_lines
from belle_core.data.places import Broken, Place, Record, Source
from belle_core.data.textfile import BROKEN, TextFile
from belle_core.errors import BelleError

csv.field_size_limit(LONGEST)  # of the process; a long answer is a field
DELIMITERS = (",", "\t", ";", ", ", "; ")
"""What may stand between fields; with a space, those after it do not count."""
NAME = re.compile(r"[^\W\d][\w .\-/()（）:?？]{0,39}|#")
"""What the name of a column looks like."""
WORD = re.compile(r"[A-Za-z]\w{0,39}", re.ASCII)
"""The same where spaces follow the delimiters, which in prose they do after every comma."""
STATED = re.compile(r"""\s*\ufeff?(?P<quote>"?)sep=(?P<sign>.)(?P=quote)[ \t]*(\r?\n|\r|$)""", re.IGNORECASE)
"""A first line for Excel that says what separates the fields."""
NAMELESS = "Unnamed: "
"""What pandas calls a column without a name, by its place."""
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


def _reader(lines: Iterable[str], delimiter: str, *, strict: bool = False) -> Any:
    return csv.reader(lines, delimiter=delimiter[0], skipinitialspace=len(delimiter) > 1, strict=strict)


def _lines(text: str) -> list[str]:
    """Lines as :func:`read_rows` has them: other signs that Unicode ends lines with are text."""
    end = "\n" if "\n" in text else "\r"  # as Excel for the Mac has them
    return [line + end for line in text.split(end)]


def _fits(text: str, complete: bool, delimiter: str) -> bool:
    lines = _lines(text)
    try:
        rows = [row for row in _reader(lines if complete else lines[:-1], delimiter, strict=True) if row]
    except csv.Error:  # the text ends inside quotes, or quotes are no quotes here
        rows = [row for _, row in _rows(lines, delimiter)][:-1]
    header, *others = rows or [[]]
    single = len(header) == 1 and not text.startswith(f'"{header[0]}"')
    fitting = sum(len(row) == len(header) for row in others)
    return _no_name(header, delimiter) is None and not single and fitting > MOST * len(others)


def _rows(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, with the line that each ends in; one that cannot be read has no fields that fit."""
    reader = _reader(lines, delimiter)
    while True:
        try:
            if row := next(reader):
                yield reader.line_num, row
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num, [""]


def _no_name(header: list[str], delimiter: str) -> str | None:
    """The first field that cannot name a column: the others are all different.

    A column may have no name (pandas' index, what Excel leaves at the end) beside two that have, or alone before one.
    """
    shape = WORD if len(delimiter) > 1 else NAME
    names = [name for name in header if name]
    bare = len(names) < len(header) and (not names or (len(names) == 1 and bool(header[0])))
    wrong = (name for place, name in enumerate(names) if name in names[:place] or not shape.fullmatch(name))
    return "" if bare else next(wrong, None)


def misfit_of(text: str) -> tuple[str, str]:
    """What is wrong with the beginning of a table that :func:`delimiter_of` does not know as one, in words."""
    stated = STATED.match(text)
    lines = _lines(text[stated.end() :] if stated else text)
    delimiter = stated["sign"] if stated else max(DELIMITERS[:3], key=lines[0].count)
    (_, header), *others = _rows(lines, delimiter)
    if not others:
        return "it has no rows", "没有数据行"
    if len(header) == 1:
        return "a table of one column has its name in quotes", "只有一列的表格，列名应加引号"
    if (name := _no_name(header, delimiter)) is not None:
        return f"{name[:40]!r} in its first line cannot be the name of a column", f"第一行中的 {name[:40]!r} 不能作列名"
    line, count = next((line, len(row)) for line, row in others if len(row) != len(header))
    return (
        f"the row that ends in line {line} has {count} fields and the header {len(header)}; is a quote missing?",
        f"到第 {line} 行结束的一行有 {count} 个字段，而表头有 {len(header)} 个；是否缺少引号？",
    )


def read_rows(file: TextFile, pieces: Iterable[str], source: Source, delimiter: str) -> Iterator[Record | Broken]:
    """Every row as an object of texts by column, or what is wrong with it."""
    dense = Dense(pieces)
    reader = _reader(_unstated(_inside(dense)), delimiter)
    try:
        first: list[str] = []
        while not first and (row := next(reader, None)) is not None:
            first, dense.between = row, True
    except csv.Error as error:  # a lone carriage return
        raise BelleError(
            f"{file.path}: the header of the table cannot be read ({error})", f"{file.path}：无法读取表头（{error}）"
        ) from error
    header = [name.strip("\ufeff \t") or f"{NAMELESS}{place}" for place, name in enumerate(first)]
    number, after = 0, reader.line_num
    while True:
        dense.between = True
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lone = str(error).startswith("new-line character")
            why = "a carriage return stands outside quotes" if lone else str(error)
            yield Broken(Place(source, after + 1 + dense.passed, number), "broken_row", why)
            row = []
        if row:
            yield _record(row, header, Place(source, after + 1 + dense.passed, number), file)
            number += 1
        after = reader.line_num


def _inside(dense: Dense) -> Iterator[str]:
    """The lines, each of which may have begun a row that is not complete."""
    for line in split_lines(dense):
        dense.between = False
        yield f"{line or ''}\n"


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
    if row[0].strip("\ufeff \t") == header[0] and [field.strip("\ufeff \t") for field in row] == header:
        return Broken(place, "broken_row", "the header stands here again")
    return Record(
        place, {name: field for name, field in zip(header, row, strict=True) if field or not name.startswith(NAMELESS)}
    )
