"""Answers that are of no use whatever was asked."""

from __future__ import annotations

import re

from belle_core.generation.calls import Reply

SORRY = re.compile(
    r"(抱歉|对不起|很遗憾|无法(回答|提供|满足|完成)|我不能|不便回答|sorry|I can(?:no|')t|as an AI)", re.IGNORECASE
)
SHORT = 80
"""Characters below which an apology is all there is to an answer (WizardLM, arXiv 2304.12244, section 3.3: 80 words)."""


SPEAKER = re.compile(r"^\s*\**(?:AI)?(?:助手|助理|assistant)\**\s*[:：]\**\s*", re.IGNORECASE)
"""How some models begin an answer that they take for a line of a dialogue."""


def said(reply: Reply) -> str:
    """The answer by itself."""
    return SPEAKER.sub("", reply.text).strip()


def why_useless(reply: Reply) -> str | None:
    """``cut_off``, ``empty_answer``, ``refusal``, or ``None`` for an answer that says something."""
    if reply.ended == "length":
        return "cut_off"
    return why_empty(reply.text)


def why_empty(text: str) -> str | None:
    """The same for a text that is known to be whole."""
    if not re.search(r"\w", text):
        return "empty_answer"
    if len(text.strip()) < SHORT and SORRY.search(text):
        return "refusal"
    return None
