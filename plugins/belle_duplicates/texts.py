"""What of an example is compared."""

from __future__ import annotations

from belle_core.conversation import Example


def compared(example: Example, by: str) -> list[str]:
    """The texts of the whole ``conversation``, rejected answers too, or of the ``question``: all before the last answer."""
    conversation = example.conversation
    if conversation is None:
        return [example.text or ""]
    texts = [turn.text for turn in (conversation.asked if by == "question" else conversation.turns)]
    if conversation.system:
        texts.insert(0, conversation.system)
    return [*texts, *example.rejected] if by == "conversation" else texts
