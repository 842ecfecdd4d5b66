"""Documents for pretraining: one text per record."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place
from belle_core.data.fields import text_field

OTHERS = ("instruction", "conversations", "conversation", "messages", "output", "chosen", "rejected", "role")
"""Keys of other layouts; beside one of them ``text`` is the rendered conversation, or one message of it (OpenAssistant's)."""


class TextFormat:
    """``text`` is the document, kept as it is; ``id`` names it, the rest becomes ``meta``."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a text and nothing that another layout is known by."""
        return (
            isinstance(record.get("text"), (str, type(None))) and "text" in record and record.keys().isdisjoint(OTHERS)
        )

    def examples(self, record: dict[str, Any], place: Place) -> list[Example]:
        """One example; raises ``Unreadable`` for a missing or wrong ``text``, ``Dropped`` for an empty one."""
        text = text_field(record, "text")
        if not text.strip():
            raise Dropped("empty_text")
        meta = {key: value for key, value in record.items() if key not in ("id", "text")}
        return [Example(place.id_of(record.get("id")), text=text, meta=meta)]


FORMAT = TextFormat()
