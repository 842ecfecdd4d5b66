"""Answers that are each good or bad: TRL's and LLaMA-Factory's data for KTO, any conversation with a verdict beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Format, Place, Refused, Unreadable
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
"""Beside one of these a ``label`` that is true or false is a verdict on the last answer; elsewhere it may be anything, and is refused."""
UNSAID = (
    "true or false of what is not said; say data.columns={kto_tag: label} if it says whether the answer is good, "
    "data.format=pair or alpaca if it does not"
)
LAST = ("empty_turn", "no_answer")
"""Why a conversation may end before its last message."""
VERDICTS = {"true": True, "false": False}
NUMBERS = {"1": True, "0": False}
"""Verdicts, too, but for a ``label`` beside messages, which may count anything."""


class UnpairedFormat:
    """The last answer of a record is its conversation's own when it is good, and a rejected one when it is bad."""

    refines = ("alpaca", "completion", "messages", "pair", "sharegpt")

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a verdict beside a conversation, or what may be one."""
        return _verdict(record) is not None and _layout(record) is not None

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """What the layout around the verdict gives; raises ``Unreadable`` and ``Dropped``."""
        tag = next((tag for tag in TAGS if tag in record), "label")
        if tag == "label" and record.keys().isdisjoint(WITH_LABEL):
            raise Unreadable(f"wrong_type:{tag}", UNSAID)
        if (good := _verdict(record)) is None:
            raise Unreadable(f"wrong_type:{tag}", f"{record.get(tag)!r} where true or false should be")
        rest = {key: value for key, value in record.items() if key != tag}
        return judged((_layout(record) or LAYOUTS[-1]).examples(rest, place), good=good)


def judged(found: Iterable[Example | Refused], *, good: bool) -> list[Example | Refused]:
    """What was read of a conversation whose last answer is *good* or bad; raises ``Dropped`` when that answer is not there."""
    both = list(found)
    if gone := next((one for one in both if isinstance(one, Refused) and one.reason in LAST), None):
        raise Dropped(gone.reason, gone.evidence)
    return [one if good or not isinstance(one, Example) else _bad(one) for one in both]


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
