"""Lists of texts, which user and assistant say in turn: UltraChat's ``data``, LIMA's ``conversations``, PaddleNLP's ``src`` and ``tgt``."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, joined, list_field, system_field
from belle_formats.turns import Message, examples_of

KEYS = ("conversations", "data", "src")
USED = ("id", "tgt", *KEYS, *SYSTEM)


class AlternatingFormat:
    """The first text is the user's."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a list of two texts or more; ``data`` may hold anything else where no id stands beside it."""
        try:
            texts = _texts(record)
        except Refused:
            return False
        known = "data" not in record or "id" in record or "conversations" in record
        return known and len(texts) > 1 and all(isinstance(text, str) for text in texts)

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        texts = _texts(record)
        if not all(isinstance(text, str) for text in texts):
            raise Unreadable(f"wrong_type:{_key(record)}", "should be a list of texts")
        messages = [Message(("user", "assistant")[number % 2], text) for number, text in enumerate(texts)]
        context = record.get("context")
        given = system_field(context) if "src" in record and isinstance(context, dict) else ""
        return examples_of(messages, record, place, used=USED, system=joined(system_field(record), given))


def _key(record: dict[str, Any]) -> str:
    return next((key for key in KEYS if key in record), KEYS[0])


def _texts(record: dict[str, Any]) -> list[Any]:
    if (key := _key(record)) != "src":
        return list_field(record, key)
    asked, said = (
        [one] if isinstance(one := record.get(key), str) else list_field(record, key) for key in ("src", "tgt")
    )
    if len(asked) != len(said):
        raise Unreadable(
            "wrong_type:tgt", f"lists of 2 lengths, which belong together: src {len(asked)}, tgt {len(said)}"
        )
    return [text for pair in zip(asked, said, strict=True) for text in pair]


FORMAT = AlternatingFormat()
