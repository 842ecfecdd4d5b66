"""Conversations already written into a prompt under ``text``: BELLE's, Guanaco's, ChatML, Llama 2 and 3, Gemma."""

from __future__ import annotations

import re
from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused
from belle_core.data.fields import text_field
from belle_core.data.personal import excerpt
from belle_formats.dialogue import is_dialogue, is_prompt, written_out
from belle_formats.turns import examples_of

TOKENS = re.compile(r"\s*</?s>\s*")
"""What BELLE writes around its messages."""
OTHERS = (
    "instruction",
    "output",
    "messages",
    "conversations",
    "conversation",
    "chosen",
    "rejected",
    "response",
    "completion",
    "answer",
)
"""Keys of other layouts, beside which ``text`` says the same once more."""


class RenderedFormat:
    """The turns are taken out again, so that they can be written into any prompt."""

    refines = ("text",)

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the text is a dialogue."""
        text = record.get("text")
        return isinstance(text, str) and record.keys().isdisjoint(OTHERS) and is_dialogue(_plain(text))

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        text = _plain(text_field(record, "text"))
        if not is_dialogue(text):
            raise Dropped("no_dialogue", excerpt(text, around=100))
        return examples_of(written_out(text), record, place, used=("id", "text"))


def _plain(text: str) -> str:
    return text if is_prompt(text) else TOKENS.sub("\n", text)


FORMAT = RenderedFormat()
