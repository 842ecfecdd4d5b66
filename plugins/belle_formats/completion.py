"""TRL's conversational prompts and completions: both are lists of messages."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, list_field, system_field
from belle_formats.turns import examples_of, is_messages, listed, messages_of

USED = ("id", "prompt", "completion", *SYSTEM)


class CompletionFormat:
    """What is said in ``prompt`` is read and not learned, as TRL does; the answers in ``completion`` are."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether both begin with a message."""
        try:
            return all(is_messages(listed(record.get(key))) for key in ("prompt", "completion"))
        except Unreadable:  # of this layout, and broken
            return True

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the messages left out of it; raises ``Unreadable`` and ``Dropped``."""
        lists = {key: listed(record.get(key)) for key in ("prompt", "completion") if key in record}
        asked, said = (messages_of(list_field(lists, key)) for key in ("prompt", "completion"))
        read = [message._replace(weight=0.0) if message.role == "assistant" else message for message in asked]
        return examples_of([*read, *said], record, place, used=USED, system=system_field(record))


FORMAT = CompletionFormat()
