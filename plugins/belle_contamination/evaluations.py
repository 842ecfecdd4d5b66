"""Reads the questions of evaluation sets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from belle_core.conversation import Example
from belle_core.data.formats import Format, Refused, choose_format, load_format
from belle_core.data.places import Place, Record, sources_of
from belle_core.data.questions import question_of
from belle_core.data.records import open_file, read_records
from belle_core.digest import expand
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog

HEAD = 20
FIELDS = ("question", "instruction", "prompt")


def questions_in(against: Any) -> Iterator[tuple[Place, str]]:
    """Every question with where it stands: what the user says first, its input included, or a whole text.

    Raises ``BelleError`` for files that cannot be read and records without a question.
    """
    for source in sources_of(expand(against, option="against")):
        with open_file(source) as file:
            records = (item for item in read_records(file, source) if isinstance(item, Record))
            head = list(islice(records, HEAD))
            format: Format | None = None
            for record in chain(head, records):
                text = _asked(record.value)
                if text is None:
                    format = format or _format([one.value for one in head], str(source.path))
                    text = _questions(format, record)
                if not text.strip():
                    raise BelleError(f"{record.place}: holds no question", f"{record.place}：没有问题")
                yield record.place, text


def _format(records: list[Any], where: str) -> Format:
    catalog = load_catalog()
    return load_format(catalog, choose_format(records, catalog, where=where))


def _questions(format: Format, record: Record) -> str:
    """What the examples of *record* ask."""
    try:
        examples = [one for one in format.examples(record.value, record.place) if isinstance(one, Example)]
    except Refused as error:
        raise BelleError(
            f"{record.place}: cannot be read ({error.reason}: {error.evidence}); take it out of the file, or put what it asks under 'question'",
            f"{record.place}：无法读取（{error.reason}：{error.evidence}）；请从文件中删去，或把问题写在 question 字段",
        ) from error
    return "\n".join(map(question_of, examples))


def _asked(record: Any) -> str | None:
    """The question of a record of the layouts that evaluations have."""
    if not isinstance(record, dict):
        return None
    question = next((record[name] for name in FIELDS if isinstance(record.get(name), str)), None)
    if question is None:
        return None
    more = record.get("input")
    return f"{question}\n{more}" if isinstance(more, str) and more else question
