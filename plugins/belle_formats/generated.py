"""BELLE's Generated Chat 0.4M: ``instruction`` describes two roles, ``output`` is their whole dialogue."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from belle_core.conversation import Conversation, Example
from belle_core.data import Place, Refused
from belle_core.data.fields import about, joined, question_and_answer, text_field
from belle_formats.turns import Message, converse

NAMED = re.compile(r"\s*([^:：，。！？；,!?;\n]{1,20})[:：]\s*(.*)")
"""A line ``Name: what is said``."""
LEAST = 3
"""Named lines that make a dialogue."""
USED = ("id", "instruction", "input", "output")


class GeneratedFormat:
    """The description is the system text, who speaks first is the user and the other the assistant.

    A record whose output is no dialogue of two stays a question with its answer.
    """

    refines = ("alpaca",)

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the output is a dialogue of two."""
        text = record.get("output")
        return isinstance(record.get("instruction"), str) and isinstance(text, str) and _spoken(text) is not None

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        description = joined(text_field(record, "instruction"), text_field(record, "input", optional=True))
        output = text_field(record, "output")
        messages = _spoken(output)
        if messages is None:
            conversation, refused = Conversation(tuple(question_and_answer(description, output))), []
        else:
            conversation, refused = converse(messages, description)
        kept = [Example(place.id_of(record.get("id")), conversation, **about(record, USED))] if conversation else []
        return [*kept, *refused]


def _spoken(text: str) -> list[Message] | None:
    """What the two say in turn, ``None`` for a text that is no dialogue of two. Lines without a name go on."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [NAMED.fullmatch(line) for line in lines]
    counts = Counter(line[1].strip() for line in found if line)
    speakers = list(counts)[:2]
    again = [name for name, count in counts.items() if count > 1 and name not in speakers]
    if len(speakers) < 2 or again or sum(counts[name] for name in speakers) < LEAST or not found[0]:
        return None
    messages: list[Message] = []
    for line, named in zip(lines, found, strict=True):
        if named and (name := named[1].strip()) in speakers:
            messages.append(Message("user" if name == speakers[0] else "assistant", named[2]))
        else:
            messages[-1] = messages[-1]._replace(text=f"{messages[-1].text}\n{line}")
    return messages


FORMAT = GeneratedFormat()
