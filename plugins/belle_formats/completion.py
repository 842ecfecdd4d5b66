"""Messages, and beside them what answers them: TRL's prompts and completions, Nemotron, Dolphin-R1."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, list_field, system_field, text_field, thought_key, thoughtful
from belle_formats.listing import listed
from belle_formats.turns import ROLES, Message, examples_of, is_message, is_messages, messages_of

KEYS = (
    ("prompt", "completion"),  # TRL
    ("prompt", "response"),
    ("input", "output"),  # NVIDIA's Llama-Nemotron
    ("messages", "answer"),  # Dolphin-R1
)


class CompletionFormat:
    """What is asked is read and not learned, as TRL does; what answers it, messages or a text, is."""

    refines = ("messages",)

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether messages are answered by messages, or messages that end in a question by a text."""
        keys = _keys(record)
        try:
            asked, said = (listed(record.get(key)) for key in keys)
        except Unreadable:  # of this layout, and broken
            return True
        if not is_messages(asked) or isinstance(said, list):
            return is_messages(asked) and is_messages(said)
        return isinstance(said, str) and _asks(asked[-1])

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the messages left out of it; raises ``Unreadable`` and ``Dropped``."""
        keys, thought = _keys(record), thought_key(record)
        lists = {key: listed(record.get(key)) for key in keys if key in record}
        asked = messages_of(list_field(lists, keys[0]))
        read = [message._replace(weight=0.0) if message.role == "assistant" else message for message in asked]
        used = ["id", *keys, *SYSTEM]
        if isinstance(lists.get(keys[1]), str):
            said = [Message("assistant", thoughtful(text_field(lists, keys[1]), record.get(thought)))]
            used.append(thought)
        else:
            said = messages_of(list_field(lists, keys[1]))
        return examples_of([*read, *said], record, place, used=used, system=system_field(record))


def _keys(record: dict[str, Any]) -> tuple[str, str]:
    return next((keys for keys in KEYS if record.keys() >= set(keys)), KEYS[0])


def _asks(message: Any) -> bool:
    """Whether the user says *message*."""
    return is_message(message) and ROLES.get(str(message.get("role", message.get("from"))).lower()) == "user"


FORMAT = CompletionFormat()
