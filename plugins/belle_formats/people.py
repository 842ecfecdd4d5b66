"""Dialogues between people: KdConv (speakers take turns) and CrossWOZ (``usr`` asks, ``sys`` answers)."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import list_field, text_field
from belle_core.data.personal import excerpt
from belle_formats.turns import Message, examples_of

ROLES = {"usr": "user", "sys": "assistant"}


class PeopleFormat:
    """``messages`` with the text under *key*; who speaks is told by ``role``, or by turns. Annotations are left away."""

    refines: tuple[str, ...] = ()

    def __init__(self, key: str, *, named: bool) -> None:
        self.key, self.named = key, named

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the first message has that shape."""
        messages = record.get("messages")
        first = messages[0] if isinstance(messages, list) and messages else None
        return isinstance(first, dict) and self.key in first and (not self.named or str(first.get("role")) in ROLES)

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        messages = [self._message(number, value) for number, value in enumerate(list_field(record, "messages"))]
        return examples_of(messages, record, place, used=("id", "messages"))

    def _message(self, number: int, value: Any) -> Message:
        if not isinstance(value, dict):
            raise Unreadable("wrong_type:message", f"{type(value).__name__} where a message should be")
        if not self.named:
            return Message(("user", "assistant")[number % 2], text_field(value, self.key))
        role = str(value.get("role"))
        if role not in ROLES:
            raise Dropped(f"role:{role[:20]}", excerpt(str(value.get(self.key)), around=100))
        return Message(ROLES[role], text_field(value, self.key))


KDCONV = PeopleFormat("message", named=False)
CROSSWOZ = PeopleFormat("content", named=True)
