"""Firefly's multi-turn records: ``conversation`` is a list of ``{"human", "assistant"}``."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import about, list_field, text_field
from belle_formats.turns import Message, converse

USED = ("id", "conversation_id", "conversation", "system")


class FireflyFormat:
    """Every item is a question with its answer; ``category`` groups, ``dataset`` goes into ``meta``."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the conversation begins with a pair."""
        pairs = record.get("conversation")
        return (
            isinstance(pairs, list)
            and bool(pairs)
            and isinstance(pairs[0], dict)
            and {"human", "assistant"} <= pairs[0].keys()
        )

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        messages = []
        for pair in list_field(record, "conversation"):
            if not isinstance(pair, dict):
                raise Unreadable("wrong_type:conversation", f"{type(pair).__name__} where a pair should be")
            messages += [
                Message("user", text_field(pair, "human")),
                Message("assistant", text_field(pair, "assistant")),
            ]
        conversation, refused = converse(messages, text_field(record, "system", optional=True))
        own = record.get("id", record.get("conversation_id"))
        kept = [Example(place.id_of(own), conversation, **about(record, USED))] if conversation else []
        return [*kept, *refused]


FORMAT = FireflyFormat()
