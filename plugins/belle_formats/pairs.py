"""A question and an answer under the many names that they go by."""

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
    thoughtful,
)

NAMES = (
    ("input", "target"),  # BELLE 0.5M, Firefly 1.1M (with ``kind``)
    ("prompt", "response"),  # ChatGLM
    ("query", "response"),  # ms-swift
    ("question", "answer"),  # GSM8K
    ("question", "response"),
    ("question", "std_answer"),  # BELLE's evaluation set
    ("instruction", "response"),  # Dolly
    ("prompt", "completion"),  # OpenAI, before chat
    ("problem", "solution"),  # MATH, NuminaMath
    ("input", "output"),  # LMFlow
)
"""(question, answer)."""
MATERIAL = ("context", "input")
"""What a question is about, where it stands beside it: Dolly's ``context``, Alpaca's ``input``."""
USED = ("id", *SYSTEM, "history", "reasoning_content")
OTHERS = (
    "A",
    "answer_choices",
    "choices",
    "options",
    "chosen",
    "rejected",
    "messages",
    "conversations",
    "conversation",
)
"""Keys of other layouts, multiple choice among them."""


class PairFormat:
    """One question with one answer; ``system``, ``history`` and ``reasoning_content`` may stand beside them."""

    refines: tuple[str, ...] = ()

    def __init__(self, *names: tuple[str, str]) -> None:
        self.names = names

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether one of the pairs of names is there, and both are text."""
        names = self._names(record)
        return (
            names is not None
            and record.keys().isdisjoint(OTHERS)
            and all(isinstance(record.get(key), (str, type(None))) for key in (*names, *MATERIAL))
        )

    def examples(self, record: dict[str, Any], place: Place) -> list[Example]:
        """One example; raises ``Unreadable`` for missing keys and wrong types, ``Dropped`` for empty questions and answers."""
        names = self._names(record)
        if names is None:
            known = ", ".join(f"{question}/{answer}" for question, answer in self.names)
            raise Unreadable("missing_key:question", f"keys: {', '.join(map(str, record))}; known: {known}")
        question, answer = names
        material = [key for key in MATERIAL if key in record and key != question]
        asked = joined(text_field(record, question), *(text_field(record, key) for key in material))
        last = question_and_answer(asked, thoughtful(text_field(record, answer), record.get("reasoning_content")))
        conversation = Conversation((*history(record), *last), system_field(record))
        return [Example(place.id_of(record.get("id")), conversation, **about(record, (*USED, *names, *material)))]

    def _names(self, record: dict[str, Any]) -> tuple[str, str] | None:
        there = [names for names in self.names if names[0] in record and names[1] in record]
        return next((n for n in there if n[0] != "input" or "instruction" not in record), None)  # else it is material


FORMAT = PairFormat(*NAMES)
