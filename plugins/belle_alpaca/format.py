"""Stanford Alpaca's records (tatsu-lab/stanford_alpaca) with LLaMA-Factory's additions ``system`` and ``history``."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Conversation, Example
from belle_core.data import Place, Unreadable
from belle_core.data.fields import (
    SYSTEM,
    about,
    history,
    joined,
    question_and_answer,
    system_field,
    text_field,
    thought_key,
    thoughtful,
)

RANKED = "a list where text should be; data.format=ranked reads it as answers of which the first is the best"
USED = ("id", "instruction", "input", "output", *SYSTEM, "history")


class AlpacaFormat:
    """``instruction`` and ``input``, joined by a newline as BELLE does, are the question; ``output`` is the answer."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a question and an answer, also an empty one, or a list, which is refused with what reads it."""
        return (
            {"instruction", "output"} <= record.keys()
            and all(isinstance(record.get(key), (str, type(None))) for key in ("instruction", "input"))
            and isinstance(record["output"], (str, list, type(None)))
        )

    def examples(self, record: dict[str, Any], place: Place) -> list[Example]:
        """One example; raises ``Unreadable`` for missing keys and wrong types, ``Dropped`` for empty questions and answers."""
        if isinstance(record.get("output"), list):
            raise Unreadable("wrong_type:output", RANKED)
        instruction, answer = text_field(record, "instruction"), text_field(record, "output")
        answer = thoughtful(answer, record.get(thought := thought_key(record)))
        question = joined(instruction, text_field(record, "input", optional=True))
        last = question_and_answer(question, answer)
        conversation = Conversation((*history(record), *last), system_field(record))
        return [Example(place.id_of(record.get("id")), conversation, **about(record, (*USED, thought)))]


FORMAT = AlpacaFormat()
