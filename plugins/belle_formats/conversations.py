"""Lists of messages: ShareGPT's and BELLE 3.5M's ``conversations``, OpenAI's ``messages``, Gemini's ``contents``."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, joined, list_field, system_field, text_field, unread
from belle_core.data.personal import excerpt
from belle_formats.listing import listed
from belle_formats.turns import examples_of, is_messages, messages_of, text_of, weighed

OFFERS = frozenset(("functions", "python_tools", "xml_tools"))
"""Where functions are offered."""
INSTRUCTIONS = ("systemInstruction", "system_instruction")
"""Gemini's names of the system text."""
SPECIAL = OFFERS | {*INSTRUCTIONS, "chat_template_kwargs"}
"""What few records have, and most need not be asked for one by one."""


class MessagesFormat:
    """Messages under one of *keys*, each with who speaks and what; ``system`` may stand beside them."""

    def __init__(self, *keys: str) -> None:
        self.keys, self.refines = keys, ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a list that begins with a message of a known role."""
        try:
            return any(is_messages(listed(record.get(key))) for key in self.keys)
        except Unreadable:  # of this layout, and broken
            return True

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the messages left out of it; raises ``Unreadable`` and ``Dropped``."""
        special = isinstance(record.get("system"), list) or not record.keys().isdisjoint(SPECIAL)
        if special:
            _refuse_offers(record)
        key = next((key for key in self.keys if key in record), self.keys[0])
        values = list_field({key: listed(record[key])} if key in record else record, key)
        weights = record.get("weights")
        messages = messages_of(weighed(values, weights) if isinstance(weights, list) else values)
        used = ("id", key, *SYSTEM, *INSTRUCTIONS, *(["weights"] if isinstance(weights, list) else []))
        system = _system(record) if special else joined(system_field(record))
        return examples_of(messages, record, place, used=used, system=system)


def _system(record: dict[str, Any]) -> str:
    """The system text, which Bedrock and Gemini write as parts, and what a template is told."""
    value = next((record[key] for key in INSTRUCTIONS if key in record), record.get("system"))
    if isinstance(parts := value.get("parts") if isinstance(value, dict) else value, list):
        return joined(text_of(parts), _told_to_the_template(record))
    return joined(system_field(record), _told_to_the_template(record))


def _told_to_the_template(record: dict[str, Any]) -> str:
    """SmolTalk 2's system text, which stands among what its template is given."""
    given = record.get("chat_template_kwargs")
    return text_field(given, "custom_instructions", optional=True) if isinstance(given, dict) else ""


def _refuse_offers(record: dict[str, Any]) -> None:
    """Raise ``Dropped`` where functions are offered by OpenAI's earlier name, or to SmolTalk 2's template."""
    given = record.get("chat_template_kwargs")
    for values in (record, given if isinstance(given, dict) else {}):
        if key := unread(values, OFFERS):
            raise Dropped("not_text", excerpt(f"{key}: {values[key]}", around=200))


SHAREGPT = MessagesFormat("conversations", "conversation", "items")
OPENAI = MessagesFormat("messages", "contents")
