"""The texts of an example, and examples with their texts changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from belle_core.conversation import Conversation, Example, Turn


def mapped(example: Example, change: Callable[[str], str], roles: tuple[str, ...] = ("user", "assistant")) -> Example:
    """*example* with ``change`` applied to the texts of these roles (and to system, text and rejected answers); itself if all are the same."""
    conversation = example.conversation
    if conversation is None:
        text = change(example.text or "")
        return example if text == example.text else replace(example, text=text)
    turns = conversation.turns
    after = tuple([_turn(turn, change) if turn.role in roles else turn for turn in turns])
    system = change(conversation.system) if conversation.system else ""
    rejected = tuple([change(text) for text in example.rejected]) if example.rejected else ()
    if system == conversation.system and rejected == example.rejected and all(a is b for a, b in zip(after, turns)):
        return example
    return replace(example, conversation=Conversation(after, system), rejected=rejected)


def _turn(turn: Turn, change: Callable[[str], str]) -> Turn:
    text = change(turn.text)
    return turn if text == turn.text else Turn(turn.role, text, turn.weight)


def texts_of(example: Example) -> list[str]:
    """All texts that :func:`mapped` would change."""
    conversation = example.conversation
    if conversation is None:
        return [example.text or ""]
    return [conversation.system, *[turn.text for turn in conversation.turns], *example.rejected]


def answers(example: Example) -> Iterator[str]:
    """All that is learned: the assistant's turns, or the text."""
    if example.conversation is None:
        yield example.text or ""
    else:
        for turn in example.conversation.turns:
            if turn.role == "assistant":
                yield turn.text


FENCE = re.compile(r"^([ \t]*```)", re.MULTILINE)


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """*text* with ``change`` applied to what stands before, between and behind its fenced blocks of code."""
    if "```" not in text:
        return change(text)
    parts = FENCE.split(text)  # outside, fence, code, fence, and so on
    parts[::4] = map(change, parts[::4])
    return "".join(parts)
