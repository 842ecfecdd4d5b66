"""Conversations as lists of questions with their answers: Firefly's and XTuner's."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, list_field, system_field, text_field
from belle_formats.turns import Message, examples_of

NAMES = (("human", "assistant"), ("input", "output"))
"""(question, answer) in Firefly and in XTuner."""
USED = ("id", "conversation_id", "conversation", *SYSTEM)


class FireflyFormat:
    """Every item is a question with its answer; ``category`` groups, ``dataset`` goes into ``meta``."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the conversation begins with a pair."""
        return _names(record) is not None

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        asks, answers = _names(record) or NAMES[0]
        messages = []
        for pair in list_field(record, "conversation"):
            if not isinstance(pair, dict):
                raise Unreadable("wrong_type:conversation", f"{type(pair).__name__} where a pair should be")
            messages += [
                Message("system", text_field(pair, "system", optional=True)),  # XTuner's first pair holds it
                Message("user", text_field(pair, asks)),
                Message("assistant", text_field(pair, answers)),
            ]
        system, ids = system_field(record), ("id", "conversation_id")
        return examples_of(messages, record, place, used=USED, system=system, ids=ids)


def _names(record: dict[str, Any]) -> tuple[str, str] | None:
    pairs = record.get("conversation")
    first = pairs[0] if isinstance(pairs, list) and pairs else None
    return next((names for names in NAMES if isinstance(first, dict) and first.keys() >= set(names)), None)


FORMAT = FireflyFormat()
