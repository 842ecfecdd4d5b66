"""Answers ranked by people (OpenAssistant): Alpaca's keys with a list under ``output``, best first."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Conversation, Example
from belle_core.data import Dropped, Place, Unreadable
from belle_core.data.fields import (
    SYSTEM,
    about,
    history,
    joined,
    list_field,
    question_and_answer,
    system_field,
    text_field,
)
from belle_core.data.personal import excerpt

USED = ("id", "instruction", "input", "output", *SYSTEM, "history")


class RankedFormat:
    """The first answer is the conversation's own, the others are its ``rejected`` ones in their order."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a question with a list of answers."""
        return isinstance(record.get("instruction"), str) and isinstance(record.get("output"), list)

    def examples(self, record: dict[str, Any], place: Place) -> list[Example]:
        """One example; raises ``Unreadable`` and ``Dropped``."""
        answers = list_field(record, "output")
        if not all(isinstance(answer, str) for answer in answers):
            raise Unreadable("wrong_type:output", "should be a list of answers")
        question = joined(text_field(record, "instruction"), text_field(record, "input", optional=True))
        best, *others = answers or [""]
        turns = (*history(record), *question_and_answer(question, best))
        if not all(other.strip() for other in others):
            raise Dropped("empty_answer", f"question: {excerpt(question, around=100)}")
        conversation = Conversation(turns, system_field(record))
        return [
            Example(place.id_of(record.get("id")), conversation, rejected=tuple(others), **about(record, USED)),
        ]


FORMAT = RankedFormat()
