"""Conversations as lists of questions with their answers: Firefly's, XTuner's and COIG's."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, joined, list_field, system_field, text_field
from belle_formats.turns import Message, examples_of

KEYS = ("conversation", "conversations")
NAMES = (
    ("human", "assistant"),  # Firefly
    ("input", "output"),  # XTuner
    ("question", "answer"),  # COIG
    ("user", "assistant"),
    ("prompt", "response"),
    ("query", "response"),
)
"""(question, answer)."""
USED = ("id", "conversation_id", "instruction", *KEYS, *SYSTEM)


class FireflyFormat:
    """Every item is a question with its answer; COIG's ``instruction`` stands before the first of them."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the conversation begins with a pair."""
        return _names(record) is not None

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        asks, answers = _names(record) or NAMES[0]
        messages, before = [], text_field(record, "instruction", optional=True)
        for pair in list_field(record, _key(record)):
            if not isinstance(pair, dict):
                raise Unreadable(f"wrong_type:{_key(record)}", f"{type(pair).__name__} where a pair should be")
            messages += [
                Message("system", text_field(pair, "system", optional=True)),  # XTuner's first pair holds it
                Message("user", joined(before, text_field(pair, asks))),
                Message("assistant", text_field(pair, answers)),
            ]
            before = ""
        system, ids = system_field(record), ("id", "conversation_id")
        return examples_of(messages, record, place, used=USED, system=system, ids=ids)


def _key(record: dict[str, Any]) -> str:
    return next((key for key in KEYS if key in record), KEYS[0])


def _names(record: dict[str, Any]) -> tuple[str, str] | None:
    pairs = record.get(_key(record))
    first = pairs[0] if isinstance(pairs, list) and pairs else None
    return next((names for names in NAMES if isinstance(first, dict) and first.keys() >= set(names)), None)


FORMAT = FireflyFormat()
