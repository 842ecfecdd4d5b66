"""Conversations already written into a prompt: ``<s>Human: …</s><s>Assistant: …</s>`` under ``text``."""

from __future__ import annotations

import re
from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused
from belle_core.data.fields import text_field
from belle_core.data.personal import excerpt
from belle_formats.dialogue import is_dialogue, written_out
from belle_formats.turns import examples_of

TOKENS = re.compile(r"\s*</?s>\s*")


class RenderedFormat:
    """The turns are taken out again, so that they can be written into any prompt."""

    refines = ("text",)

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the text is a dialogue."""
        text = record.get("text")
        return isinstance(text, str) and is_dialogue(TOKENS.sub("\n", text))

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        text = TOKENS.sub("\n", text_field(record, "text"))
        if not is_dialogue(text):
            raise Dropped("no_dialogue", excerpt(text, around=100))
        return examples_of(written_out(text), record, place, used=("id", "text"))


FORMAT = RenderedFormat()
