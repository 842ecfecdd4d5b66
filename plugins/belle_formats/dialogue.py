"""Dialogues written out in one text: ``Human: … Assistant: …``, HelpSteer 2's, and prompts of models."""

from __future__ import annotations

import re

from belle_core.data.fields import joined
from belle_formats.turns import Message

MARK = re.compile(r"(?:\A|\n)\s*(Human|Assistant)[:：][ \t]?\n?")
EXTRA = re.compile(r"\n<extra_id_1>(User|Assistant)\n")
"""What stands between the turns in prompts of HelpSteer 2, which begin with the user's text."""
PROMPTS = (
    re.compile(r"\s*### (Human|Assistant):[ ]?"),  # Guanaco
    re.compile(r"(?:Below is an instruction[^\n]*\n)?\s*### (Instruction|Input|Response):\s?"),  # Alpaca
    re.compile(r"\s*<\|im_start\|>(system|user|assistant)\n"),  # ChatML
    re.compile(r"\s*(?:<s>\s*)?(\[/?INST\])[ ]?"),  # Llama 2
    re.compile(
        r"(?:<\|begin_of_text\|>)?<\|start_header_id\|>(system|user|assistant)<\|end_header_id\|>\n\n"
    ),  # Llama 3
    re.compile(r"(?:<bos>)?\s*<start_of_turn>(user|model)\n"),  # Gemma
    re.compile(r"\s*<\|(system|user|assistant)\|>\s?\n"),  # Zephyr, Phi 3, ChatGLM 3
    re.compile(r"(?:<｜begin▁of▁sentence｜>)?<｜(User|Assistant)｜>"),  # DeepSeek
)
"""What models' prompts write before a message and say whose it is; no text that people write begins so, with the user's or the system's."""
ENDS = re.compile(
    r"\s*(?:</s>|<\|im_end\|>|<\|eot_id\|>|<\|end\|>|<end_of_turn>|<\|end_of_text\|>|<｜end▁of▁sentence｜>)\s*\Z"
)
NAMES = {
    **dict.fromkeys(("Human", "User", "user", "[INST]", "Instruction", "Input"), "user"),
    **dict.fromkeys(("Assistant", "assistant", "model", "[/INST]", "Response"), "assistant"),
    "system": "system",
}
FIRST = ("Human", "User", "user", "[INST]", "Instruction", "system")
"""Whose message a prompt begins with; an answer may well begin with a heading such as ``### Input:``."""
SYSTEM = re.compile(r"<<SYS>>\n?(.*?)\n?<</SYS>>\s*", re.DOTALL)
"""Where Llama 2's first message holds the system text."""


def is_dialogue(text: object) -> bool:
    """Whether *text* begins with a line of ``Human:``, or as a model's prompt."""
    found = MARK.match(text) if isinstance(text, str) else None
    return bool(found and found[1] == "Human") or is_prompt(text)


def is_prompt(text: object) -> bool:
    """Whether *text* begins as a model's prompt."""
    return isinstance(text, str) and _prompt(text) is not None


def waits(text: object) -> bool:
    """Whether *text* is a dialogue that waits for an answer; it ends in ``Assistant:`` where it begins with ``Human:``."""
    if not isinstance(text, str) or not is_dialogue(text):
        return isinstance(text, str) and "<extra_id_1>" in text and EXTRA.search(text) is not None
    return is_prompt(text) or [found[1] for found in MARK.finditer(text)][-1] == "Assistant"


def written_out(text: str) -> list[Message]:
    """The messages of a dialogue; what stands before the first name is a system text.

    A name counts at the beginning of a line only. A last ``Assistant:`` that waits for the answer is left away.
    """
    if mark := _prompt(text):
        messages = _prompted(mark, text)
    elif not is_dialogue(text) and EXTRA.search(text):
        first, *pieces = EXTRA.split(text)
        messages = [Message("user", first), *_named(pieces)]
    else:
        before, *pieces = MARK.split(text)
        messages = [*([Message("system", before.strip())] if before.strip() else []), *_named(pieces)]
    if messages and messages[-1] == Message("assistant", ""):
        messages.pop()
    return messages


def about_material(messages: list[Message], material: str) -> list[Message]:
    """*messages* with what the last of them is about on a line of its own."""
    return [*messages[:-1], messages[-1]._replace(text=joined(messages[-1].text, material))] if messages else []


def ended(text: str) -> str:
    """*text* without the token that ends a message in a model's prompt."""
    return ENDS.sub("", text)


def _named(pieces: list[str]) -> list[Message]:
    return [Message(NAMES[name], said.rstrip()) for name, said in zip(pieces[::2], pieces[1::2], strict=True)]


def _prompt(text: str) -> re.Pattern[str] | None:
    if not text[:9].lstrip().startswith(("<", "#", "[", "Below is")):  # most texts
        return None
    begun = ((mark, mark.match(text)) for mark in PROMPTS)
    return next((mark for mark, found in begun if found and found[1] in FIRST), None)


def _prompted(mark: re.Pattern[str], text: str) -> list[Message]:
    """The messages behind every *mark*, a system text within the first of them before it."""
    _, *pieces = mark.split(text)
    messages = []
    for message in _named([*map(ended, pieces)]):
        system = SYSTEM.match(message.text)
        messages += [Message("system", system[1])] if system else []
        messages.append(message._replace(text=message.text[system.end() :]) if system else message)
    return messages
