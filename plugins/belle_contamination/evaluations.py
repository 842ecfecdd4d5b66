"""Reads the questions of evaluation sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from belle_contamination.choices import choices_of, headless
from belle_contamination.index import alone
from belle_core.conversation import Example
from belle_core.data.formats import Format, Refused, choose_format, load_format
from belle_core.data.places import Place, Record, Source, sources_of
from belle_core.data.questions import normalised, question_of
from belle_core.data.records import open_file, read_records
from belle_core.digest import expand
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog

HEAD = 20
FIELDS = ("question", "Question", "instruction", "prompt")


def questions_in(against: Any) -> Iterator[tuple[Place, str]]:
    """Every question with where it stands: what the user says first, its input included, or a whole text.

    Choices belong to a question that is too short to be looked for alone, and to one that is asked several times with others
    (以下说法正确的是). Raises ``BelleError`` for files that cannot be read and records without a question.
    """
    asked = [found for source in sources_of(expand(against, option="against")) for found in _read(source)]
    often = Counter(normalised(text) for _, text, choices in asked if choices)
    for place, text, choices in asked:
        with_them = choices and (often[normalised(text)] > 1 or not alone(text))
        yield place, "\n".join([text, *choices]) if with_them else text


def _read(source: Source) -> Iterator[tuple[Place, str, list[str]]]:
    """Where each question of a file stands, its text and its choices."""
    if table := headless(source):
        yield from table
        return
    with open_file(source) as file:
        records = (item for item in read_records(file, source) if isinstance(item, Record))
        head = list(islice(records, HEAD))
        format: Format | None = None
        for record in chain(head, records):
            texts = _asked(record.value)
            if not texts:
                format = format or _format([one.value for one in head], str(source.path))
                texts = [_questions(format, record)]
            if not all(text.strip() for text in texts):
                raise BelleError(f"{record.place}: holds no question", f"{record.place}：没有问题")
            choices = choices_of(record.value) if isinstance(record.value, dict) else []
            yield from ((record.place, text, choices) for text in texts)


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


def _asked(record: Any) -> list[str]:
    """The questions of a record of the layouts that evaluations have; several where they are asked one after the other (MT-Bench)."""
    if not isinstance(record, dict):
        return []
    turns = record.get("turns")
    if isinstance(turns, list) and turns and all(isinstance(turn, str) for turn in turns):
        return turns
    question = next((record[name] for name in FIELDS if isinstance(record.get(name), str)), None)
    if question is None:
        return []
    more = record.get("input")
    return [f"{question}\n{more}" if isinstance(more, str) and more else question]
