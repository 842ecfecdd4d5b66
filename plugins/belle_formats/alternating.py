"""UltraChat's ``data`` and LIMA's ``conversations``: lists of texts, which user and assistant say in turn."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, list_field, system_field
from belle_formats.turns import Message, examples_of

KEYS = ("conversations", "data")
USED = ("id", *KEYS, *SYSTEM)


class AlternatingFormat:
    """The first text is the user's."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a list of two texts or more; ``data`` may hold anything else where no id stands beside it."""
        texts = record.get(key := _key(record))
        return (
            (key != "data" or "id" in record)
            and isinstance(texts, list)
            and len(texts) > 1
            and all(isinstance(text, str) for text in texts)
        )

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        texts = list_field(record, _key(record))
        if not all(isinstance(text, str) for text in texts):
            raise Unreadable(f"wrong_type:{_key(record)}", "should be a list of texts")
        messages = [Message(("user", "assistant")[number % 2], text) for number, text in enumerate(texts)]
        return examples_of(messages, record, place, used=USED, system=system_field(record))


def _key(record: dict[str, Any]) -> str:
    return KEYS[0] if KEYS[0] in record else KEYS[1]


FORMAT = AlternatingFormat()
