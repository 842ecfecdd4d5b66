"""Dialogues written out in one text: ``Human: … Assistant: …``, and those of HelpSteer 2."""

from __future__ import annotations

import re

from belle_formats.turns import Message

MARK = re.compile(r"(?:\A|\n)\s*(Human|Assistant)[:：][ \t]?\n?")
NAMES = {"Human": "user", "Assistant": "assistant", "User": "user"}
EXTRA = re.compile(r"\n<extra_id_1>(User|Assistant)\n")
"""What stands between the turns in prompts of HelpSteer 2."""


def is_dialogue(text: object) -> bool:
    """Whether *text* begins with a line of ``Human:``."""
    found = MARK.match(text) if isinstance(text, str) else None
    return bool(found) and found[1] == "Human"  # type: ignore[index]


def waits(text: object) -> bool:
    """Whether *text* is a dialogue that ends in a line of ``Assistant:``, or is one without having named who begins."""
    if isinstance(text, str) and EXTRA.search(text):
        return True
    return (
        isinstance(text, str) and is_dialogue(text) and [found[1] for found in MARK.finditer(text)][-1] == "Assistant"
    )


def written_out(text: str) -> list[Message]:
    """The messages of a dialogue; what stands before the first name is a system text.

    A name counts at the beginning of a line only. A last ``Assistant:`` that waits for the answer is left away.
    """
    if not is_dialogue(text) and EXTRA.search(text):
        first, *pieces = EXTRA.split(text)
        messages = [Message("user", first)]
    else:
        before, *pieces = MARK.split(text)
        messages = [Message("system", before.strip())] if before.strip() else []
    messages += [Message(NAMES[name], said.rstrip()) for name, said in zip(pieces[::2], pieces[1::2], strict=True)]
    if messages and messages[-1] == Message("assistant", ""):
        messages.pop()
    return messages
