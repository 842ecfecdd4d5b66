"""Published sets of function calls: Glaive's chats written out, and xLAM's questions with the calls that answer them."""

from __future__ import annotations

import re
from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import text_field
from belle_core.data.personal import excerpt
from belle_formats.turns import Message, examples_of

MARK = re.compile(r"(?:\A|\n)\s*(USER|ASSISTANT|FUNCTION RESPONSE):[ ]?")
"""Who speaks in Glaive's ``chat``."""
END = re.compile(r"\s*(?:<\|endoftext\|>)?\s*\Z")
ROLES = {"USER": "user", "ASSISTANT": "assistant"}
CALL = "<functioncall>"
OFFERED = re.compile(r"access to the following functions", re.IGNORECASE)
XLAM = {"query", "answers", "tools"}


class CallingFormat:
    """A conversation to which no function is offered is read; any other is no text, and the record is dropped."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a chat with Glaive's marks, or calls beside a question and its tools."""
        chat = record.get("chat")
        return (isinstance(chat, str) and MARK.match(chat) is not None) or record.keys() >= XLAM

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        if "chat" not in record and record.keys() >= XLAM:
            raise Dropped("not_text", excerpt(f"tools: {record['tools']}", around=100))
        system, chat = text_field(record, "system", optional=True), text_field(record, "chat")
        if found := OFFERED.search(system):
            raise Dropped("not_text", excerpt(system[found.start() :], around=100))
        before, *pieces = MARK.split(chat)
        if before.strip():
            raise Unreadable("wrong_type:chat", f"not between marks: {excerpt(before, around=100)}")
        messages = []
        for name, text in zip(pieces[::2], pieces[1::2], strict=True):
            if name not in ROLES or CALL in text:
                raise Dropped("not_text", excerpt(f"{name}: {text}", around=100))
            messages.append(Message(ROLES[name], END.sub("", text)))
        system = system.removeprefix("SYSTEM:").strip()
        return examples_of(messages, record, place, used=("id", "chat", "system"), system=system)


FORMAT = CallingFormat()
