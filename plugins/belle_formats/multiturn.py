"""BELLE's Multiturn Chat 0.8M: the dialogue so far stands inside ``instruction``, ``output`` is the next answer."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Place, Refused
from belle_core.data.fields import SYSTEM, joined, system_field, text_field
from belle_formats.dialogue import is_dialogue, waits, written_out
from belle_formats.turns import Message, examples_of

USED = ("id", "instruction", "input", "output", *SYSTEM)


class MultiturnFormat:
    """``instruction`` is ``Human:…\\nAssistant:…`` and ends in ``Assistant:``; without names it is a first question."""

    refines = ("alpaca",)

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the instruction is a dialogue that waits for an answer."""
        text = record.get("instruction")
        return is_dialogue(text) and waits(text) and isinstance(record.get("output"), (str, type(None)))

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        text = joined(text_field(record, "instruction"), text_field(record, "input", optional=True))
        asked = written_out(text) if is_dialogue(text) else [Message("user", text)]
        messages = [*asked, Message("assistant", text_field(record, "output"))]
        return examples_of(messages, record, place, used=USED, system=system_field(record))


FORMAT = MultiturnFormat()
