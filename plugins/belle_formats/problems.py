"""Word problems of Math23K and Ape210K: ``original_text``, ``equation``, ``ans``."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Conversation, Example
from belle_core.data import Place
from belle_core.data.fields import about, joined, question_and_answer, text_field

USED = ("id", "original_text", "segmented_text", "equation", "ans")


class ProblemFormat:
    """The answer is the equation, and the result on a line of its own (``x=135/3``, ``45``)."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a problem with its equation."""
        return {"original_text", "equation", "ans"} <= record.keys()

    def examples(self, record: dict[str, Any], place: Place) -> list[Example]:
        """One example; raises ``Unreadable`` and ``Dropped``."""
        answer = joined(text_field(record, "equation", optional=True), text_field(record, "ans"))
        turns = question_and_answer(text_field(record, "original_text"), answer)
        return [Example(place.id_of(record.get("id")), Conversation(tuple(turns)), **about(record, USED))]


FORMAT = ProblemFormat()
