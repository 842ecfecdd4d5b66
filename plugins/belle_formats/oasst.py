"""OpenAssistant's trees of messages (``…_ready.trees.jsonl``): who replied to whom, and how people ranked the replies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from belle_core.conversation import Conversation, Example, Turn
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import about, list_field, text_field
from belle_core.data.personal import excerpt
from belle_formats.turns import ROLES

INSTEAD = "the same data set holds whole trees, which data.files='*ready.trees.jsonl.gz' takes"
USED = ("message_tree_id", "prompt")


class TreeFormat:
    """An example for every question that has an answer: the best one is learned, the others are rejected, what was said before is read."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether a message with replies is the root, or one stands alone, which is refused with what to take instead."""
        root = record.get("prompt")
        return _is_flat(record) or (isinstance(root, dict) and {"text", "role", "replies"} <= root.keys())

    def examples(self, record: dict[str, Any], place: Place) -> Iterator[Example | Refused]:
        """All examples and the messages left out of them; raises ``Unreadable``."""
        if _is_flat(record):
            raise Unreadable("missing_key:replies", f"a message without its tree; {INSTEAD}")
        root, rest = record.get("prompt"), about(record, USED)
        own = place.id_of(record.get("message_tree_id"))
        number = 0
        for found in _asked(root, ()):
            if isinstance(found, Refused):
                yield found
                continue
            number += 1
            yield Example(own if number == 1 else f"{own}.{number}", found[0], rejected=found[1], **rest)


def _is_flat(record: dict[str, Any]) -> bool:
    return {"message_id", "parent_id", "role", "text"} <= record.keys()


def _asked(node: Any, before: tuple[Turn, ...]) -> Iterator[tuple[Conversation, tuple[str, ...]] | Refused]:
    """A question with its answers, then the questions that follow each of them."""
    if (question := _turn(node, "user")) is None:
        yield from _deleted(node)
        return
    answers = []
    for reply in sorted(list_field(node, "replies"), key=_rank):
        if turn := _turn(reply, "assistant"):
            answers.append((reply, turn))
        else:
            yield from _deleted(reply)
    if not answers:
        yield Dropped("no_answer", f"user: {excerpt(question.text, around=200)}")
        return
    asked = Conversation((*before, question))
    yield asked.answered(answers[0][1].text), tuple(turn.text for _, turn in answers[1:])
    for reply, turn in answers:
        for following in list_field(reply, "replies"):
            yield from _asked(following, (*asked.turns, turn))


def _rank(reply: Any) -> float:
    rank = reply.get("rank") if isinstance(reply, dict) else None
    return rank if isinstance(rank, int) else float("inf")


def _turn(node: Any, role: str) -> Turn | None:
    """The message of a node; ``None`` when it was deleted or is empty."""
    if not isinstance(node, dict) or ROLES.get(str(node.get("role"))) != role:
        raise Unreadable(
            "wrong_type:replies", f"a message of the {role} should be here: {excerpt(str(node), around=100)}"
        )
    text = text_field(node, "text")
    return None if node.get("deleted") or not text.strip() else Turn(role, text)


def _deleted(node: Any) -> Iterator[Dropped]:
    """A message that is not there any more, and all that was said after it."""
    if not isinstance(node, dict):
        raise Unreadable("wrong_type:replies", f"{type(node).__name__} where a message should be")
    yield Dropped("deleted", f"{node.get('role')}: {excerpt(str(node.get('text')), around=200)}")
    for reply in list_field(node, "replies"):
        yield from _deleted(reply)


FORMAT = TreeFormat()
