"""Questions about a passage: SQuAD, and CMRC 2018, DRCD and DuReader-robust after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from belle_core.conversation import Conversation, Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import about, joined, list_field, question_and_answer, text_field

CONTEXT, QUESTION, ID = ("context", "context_text"), ("question", "query_text"), ("id", "query_id", "context_id")
"""Names of a passage, a question and an id; the second ones are CMRC 2018's."""
USED = (*ID, *CONTEXT, *QUESTION, "answers", "qas", "paragraphs")


class ReadingFormat:
    """An example for every question: what is asked, the passage on a line of its own, and the first of the answers."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there are questions with answers about passages, in one record or side by side."""
        first = record
        for key in ("paragraphs", "qas"):
            items = first.get(key)
            first = first | items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else first
        named = all(any(isinstance(first.get(key), str) for key in keys) for keys in (CONTEXT, QUESTION))
        return named and isinstance(first.get("answers"), (list, dict))

    def examples(self, record: dict[str, Any], place: Place) -> Iterator[Example | Refused]:
        """All questions of the record; raises ``Unreadable`` and, for a record of one question, ``Dropped``."""
        rest, own = about(record, USED), place.id_of(_named(record, ID))
        for number, (passage, asked) in enumerate(_questions(record), 1):
            try:
                question = joined(_text(asked, QUESTION), _text(passage, CONTEXT))
                turns = question_and_answer(question, _answer(asked))
            except Refused as refused:
                yield refused
                continue
            yield Example(own if number == 1 else f"{own}.{number}", Conversation(tuple(turns)), **rest)


def _questions(record: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every passage with every question about it."""
    for passage in list_field(record, "paragraphs") if "paragraphs" in record else [record]:
        for asked in list_field(passage, "qas") if isinstance(passage, dict) and "qas" in passage else [passage]:
            if not (isinstance(passage, dict) and isinstance(asked, dict)):
                raise Unreadable("wrong_type:qas", f"{type(asked).__name__} where an object should be")
            yield passage, asked


def _answer(asked: dict[str, Any]) -> str:
    """The first of the answers, which stand as texts, as objects with a ``text``, or as texts in one object; empty without one."""
    answers = asked.get("answers")
    answers = answers.get("text") if isinstance(answers, dict) else answers
    first = answers[0] if isinstance(answers, list) and answers else ""
    return text_field(first, "text") if isinstance(first, dict) else text_field({"answers": first}, "answers")


def _named(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((record[key] for key in keys if key in record), None)


def _text(record: dict[str, Any], keys: tuple[str, ...]) -> str:
    return text_field(record, next((key for key in keys if key in record), keys[0]))


FORMAT = ReadingFormat()
