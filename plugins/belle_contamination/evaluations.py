"""Reads the questions of evaluation sets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from belle_core.conversation import Example
from belle_core.data.formats import Format, choose_format, load_format
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
                    text = "\n".join(
                        question_of(one)
                        for one in format.examples(record.value, record.place)
                        if isinstance(one, Example)
                    )
                if not text.strip():
                    raise BelleError(f"{record.place}: holds no question", f"{record.place}：没有问题")
                yield record.place, text


def _format(records: list[Any], where: str) -> Format:
    catalog = load_catalog()
    return load_format(catalog, choose_format(records, catalog, where=where))


def _asked(record: Any) -> str | None:
    """The question of a record of the layouts that evaluations have."""
    if not isinstance(record, dict):
        return None
    question = next((record[name] for name in FIELDS if isinstance(record.get(name), str)), None)
    if question is None:
        return None
    more = record.get("input")
    return f"{question}\n{more}" if isinstance(more, str) and more else question
