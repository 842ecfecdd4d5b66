"""Conversations already written into a prompt under ``text``: BELLE's, Guanaco's, ChatML, Llama 2 and 3, Gemma."""

from __future__ import annotations

import re
from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused
from belle_core.data.fields import text_field
from belle_core.data.personal import excerpt
from belle_formats.dialogue import is_dialogue, written_out
from belle_formats.turns import ROLES, Message, examples_of

TOKENS = re.compile(r"\s*</?s>\s*")
MARKS = (
    re.compile(r"\s*### (Human|Assistant):[ ]?"),  # Guanaco
    re.compile(r"\s*<\|im_start\|>(system|user|assistant)\n"),  # ChatML
    re.compile(r"\s*(?:<s>\s*)?(\[/?INST\])[ ]?"),  # Llama 2
    re.compile(
        r"(?:<\|begin_of_text\|>)?<\|start_header_id\|>(system|user|assistant)<\|end_header_id\|>\n\n"
    ),  # Llama 3
    re.compile(r"(?:<bos>)?\s*<start_of_turn>(user|model)\n"),
)
"""What stands before a message and says whose it is."""
ENDS = re.compile(r"\s*(?:</s>|<\|im_end\|>|<\|eot_id\|>|<end_of_turn>|<\|end_of_text\|>)\s*\Z")
INST = {"[inst]": "user", "[/inst]": "assistant"}
SYSTEM = re.compile(r"<<SYS>>\n?(.*?)\n?<</SYS>>\s*", re.DOTALL)
"""Where Llama 2's first message holds the system text."""


class RenderedFormat:
    """The turns are taken out again, so that they can be written into any prompt."""

    refines = ("text",)

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the text is a dialogue."""
        return isinstance(text := record.get("text"), str) and bool(_mark(text) or is_dialogue(TOKENS.sub("\n", text)))

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        text = text_field(record, "text")
        if mark := _mark(text):
            return examples_of(_messages(mark, text), record, place, used=("id", "text"))
        text = TOKENS.sub("\n", text)
        if not is_dialogue(text):
            raise Dropped("no_dialogue", excerpt(text, around=100))
        return examples_of(written_out(text), record, place, used=("id", "text"))


def _mark(text: str) -> re.Pattern[str] | None:
    return next((mark for mark in MARKS if mark.match(text)), None)


def _messages(mark: re.Pattern[str], text: str) -> list[Message]:
    """The messages behind every *mark*; a last one of the assistant that is empty waits for an answer and is left away."""
    _, *pieces = mark.split(text)
    messages = []
    for name, said in zip(map(str.lower, pieces[::2]), pieces[1::2], strict=True):
        said = ENDS.sub("", said)
        if name in INST and (system := SYSTEM.match(said)):
            messages.append(Message("system", system[1]))
            said = said[system.end() :]
        messages.append(Message(INST.get(name) or ROLES[name], said.rstrip() if name in INST else said))
    return messages[:-1] if messages[-1] == Message("assistant", "") else messages


FORMAT = RenderedFormat()
