"""Multiple-choice questions: the choices of a record, and tables without a header as MMLU is published."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain, islice
from string import ascii_uppercase
from typing import Any

from belle_core.data.lines import split_lines
from belle_core.data.places import Place, Source
from belle_core.data.records import CALLED_TABLE, open_file
from belle_core.data.textfile import TextFile

LISTS = ("choices", "options", "answer_choices")
LOOKED_AT = 5
"""Rows that tell such a table."""


def choices_of(record: dict[str, Any]) -> list[str]:
    """Of CMMLU's, C-Eval's and MMLU's layouts (fields ``A``, ``B`` …; a list; an object by letters); none where there are none."""
    lettered = [record[letter] for letter in ascii_uppercase[:10] if isinstance(record.get(letter), str)]
    if len(lettered) > 1:
        return lettered
    several = next((record[name] for name in LISTS if record.get(name)), [])
    values = list(several.values()) if isinstance(several, dict) else several
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return values
    return []


def headless(source: Source) -> list[tuple[Place, str, list[str]]]:
    """The questions and choices of a table whose rows are question, choices and the letter of the right one; empty for any other file."""
    if not CALLED_TABLE.search(source.name):
        return []
    with open_file(source) as file:
        return _asked_in(file, source) if isinstance(file, TextFile) else []


def _asked_in(file: TextFile, source: Source) -> list[tuple[Place, str, list[str]]]:
    rows = _rows(file, source)
    try:
        head = list(islice(rows, LOOKED_AT))
        if not head or not all(_is_question(row) for _, row in head):
            return []
        return [(place, row[0], row[1:-1]) for place, row in chain(head, rows) if _is_question(row)]
    except csv.Error:  # whoever reads tables with a header says where
        return []


def _rows(file: TextFile, source: Source) -> Iterator[tuple[Place, list[str]]]:
    reader, line = csv.reader(f"{text or ''}\n" for text in split_lines(file.pieces())), 1
    for number, row in enumerate(reader):
        yield Place(source, line, number), row
        line = reader.line_num + 1


def _is_question(row: list[str]) -> bool:
    return len(row) > 3 and len(row[-1]) == 1 and row[-1] in ascii_uppercase[: len(row) - 2] and bool(row[0].strip())
