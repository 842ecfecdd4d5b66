"""UltraChat's records: ``data`` is a list of texts, which user and assistant say in turn."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, about, list_field, system_field
from belle_formats.turns import Message, converse

USED = ("id", "data", *SYSTEM)


class AlternatingFormat:
    """The first text is the user's."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a list of two texts or more beside an id."""
        texts = record.get("data")
        return (
            "id" in record
            and isinstance(texts, list)
            and len(texts) > 1
            and all(isinstance(text, str) for text in texts)
        )

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        texts = list_field(record, "data")
        if not all(isinstance(text, str) for text in texts):
            raise Unreadable("wrong_type:data", "should be a list of texts")
        messages = [Message(("user", "assistant")[number % 2], text) for number, text in enumerate(texts)]
        conversation, refused = converse(messages, system_field(record))
        kept = [Example(place.id_of(record.get("id")), conversation, **about(record, USED))] if conversation else []
        return [*kept, *refused]


FORMAT = AlternatingFormat()
