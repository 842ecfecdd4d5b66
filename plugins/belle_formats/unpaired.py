"""Answers that are each good or bad: TRL's and LLaMA-Factory's data for KTO, any conversation with a verdict beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from belle_core.conversation import Example
from belle_core.data import Format, Place, Refused, Unreadable
from belle_formats import completion, conversations, pairs

LAYOUTS: tuple[Format, ...] = (
    conversations.SHAREGPT,
    conversations.OPENAI,
    completion.FORMAT,
    pairs.PairFormat(("instruction", "output"), *pairs.NAMES),
)
ANYWHERE = ("kto_tag", "is_correct")
"""Verdicts beside any question and answer: ``dataset_info.json``'s name for it, and OpenMathInstruct's of a solution."""
TAGS = (*ANYWHERE, "label")
"""Where the verdict stands."""
WITH_LABEL = ("messages", "conversations", "completion")
"""Beside one of these a ``label`` that is true or false is a verdict on the last answer; elsewhere it may be anything."""
VERDICTS = {"true": True, "false": False}
NUMBERS = {"1": True, "0": False}
"""Verdicts, too, but for a ``label`` beside messages, which may count anything."""


class UnpairedFormat:
    """The last answer of a record is its conversation's own when it is good, and a rejected one when it is bad."""

    refines = ("alpaca", "completion", "messages", "pair", "sharegpt")

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a verdict beside a conversation."""
        meant = not record.keys().isdisjoint(ANYWHERE if "label" not in record else (*ANYWHERE, *WITH_LABEL))
        return meant and _verdict(record) is not None and _layout(record) is not None

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """What the layout around the verdict gives; raises ``Unreadable`` and ``Dropped``."""
        tag = next((tag for tag in TAGS if tag in record), "label")
        if (good := _verdict(record)) is None:
            raise Unreadable(f"wrong_type:{tag}", f"{record.get(tag)!r} where true or false should be")
        rest = {key: value for key, value in record.items() if key != tag}
        found = (_layout(record) or LAYOUTS[-1]).examples(rest, place)
        return [one if good or not isinstance(one, Example) else _bad(one) for one in found]


def _verdict(record: dict[str, Any]) -> bool | None:
    """Tables as text hold it as a word."""
    tag = next((tag for tag in TAGS if tag in record), "label")
    known = VERDICTS if tag == "label" and "completion" not in record else VERDICTS | NUMBERS
    return known.get(str(record.get(tag)).lower())


def _layout(record: dict[str, Any]) -> Format | None:
    return next((layout for layout in LAYOUTS if layout.matches(record)), None)


def _bad(example: Example) -> Example:
    assert example.conversation is not None
    return replace(example, conversation=example.conversation.prompt(), rejected=(example.conversation.answer,))


FORMAT = UnpairedFormat()
