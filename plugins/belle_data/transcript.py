"""An example as people read it: who says what, one part after another."""

from __future__ import annotations

from belle_core.conversation import Example
from belle_core.language import say

SPEAKERS = {"system": ("system", "系统"), "user": ("user", "用户"), "assistant": ("assistant", "助手")}


def transcript(example: Example) -> list[tuple[str, str]]:
    """(speaker, text) of every message, then the text of an example that is none, then worse answers."""
    parts: list[tuple[str, str]] = []
    if (conversation := example.conversation) is not None:
        parts += [(say(*SPEAKERS["system"]), conversation.system)] if conversation.system else []
        for turn in conversation.turns:
            unlearned = turn.role == "assistant" and turn.weight == 0
            read = say(" (read, not learned)", "（只读，不学习）") if unlearned else ""
            parts.append((say(*SPEAKERS[turn.role]) + read, turn.text))
    if example.text:
        parts.append(("", example.text))
    several = len(example.rejected) > 1
    worse = say("rejected", "较差回答")
    return [*parts, *((f"{worse} {n}" if several else worse, text) for n, text in enumerate(example.rejected, 1))]
