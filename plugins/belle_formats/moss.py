"""MOSS's dialogues (OpenMOSS/MOSS): turns under ``chat``, or written out under ``plain_text``, with marks of their own."""

from __future__ import annotations

import re
from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import text_field
from belle_core.data.personal import excerpt
from belle_formats.turns import Message, examples_of

SPOKEN = re.compile(r"\[(Human|MOSS)\]:[ ]?(.*?)<eo[hma]>\s*", re.DOTALL)
"""A message of ``plain_text``."""
MARKED = re.compile(r"\s*<\|[^|]*\|>:[ ]?(.*?)(?:<eo[a-z]>)?\s*", re.DOTALL)
"""A field of a turn."""
ROLES = {"Human": "user", "MOSS": "assistant"}
SYSTEM = ("meta_instruction", "prefix")
"""Where the system text stands in 003 and in 002."""
USED = ("id", "conversation_id", "chat", "plain_text", "num_turns", *SYSTEM)


class MossFormat:
    """A turn whose ``Commands`` call a tool is no text, so the record is dropped; what MOSS thinks inside is left away."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there are turns by number, or a text that begins with a mark."""
        chat, text = record.get("chat"), record.get("plain_text")
        return (isinstance(chat, dict) and "turn_1" in chat) or (isinstance(text, str) and bool(SPOKEN.match(text)))

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        messages = _turns(record["chat"]) if "chat" in record else _spoken(text_field(record, "plain_text"))
        key = next((key for key in SYSTEM if key in record), SYSTEM[0])
        system, ids = text_field(record, key, optional=True).strip(), ("conversation_id", "id")
        return examples_of(messages, record, place, used=USED, system=system, ids=ids)


def _spoken(text: str) -> list[Message]:
    if rest := SPOKEN.sub("", text).strip():
        raise Unreadable("wrong_type:plain_text", f"not between marks: {excerpt(rest, around=100)}")
    return [Message(ROLES[found[1]], found[2]) for found in SPOKEN.finditer(text)]


def _turns(chat: Any) -> list[Message]:
    if not isinstance(chat, dict):
        raise Unreadable("wrong_type:chat", f"{type(chat).__name__} where turns should be")
    messages = []
    for number in range(1, len(chat) + 1):
        if not isinstance(turn := chat.get(f"turn_{number}"), dict):
            raise Unreadable(f"missing_key:turn_{number}", f"keys: {', '.join(map(str, chat))}")
        if (call := _said(turn, "Commands")) not in ("", "None"):
            raise Dropped("role:tool", excerpt(call, around=100))
        messages += [Message(role, _said(turn, name)) for name, role in ROLES.items()]
    return messages


def _said(turn: dict[str, Any], name: str) -> str:
    text = text_field(turn, name, optional=True)
    found = MARKED.fullmatch(text)
    return found[1] if found else text


FORMAT = MossFormat()
