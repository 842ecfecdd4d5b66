"""A better and a worse answer, in the layouts of LLaMA-Factory, BELLE, UltraFeedback, HH-RLHF and ms-swift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from belle_core.conversation import Example, Turn
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, about, history, joined, list_field, system_field, text_field, unread
from belle_core.data.personal import excerpt
from belle_formats.dialogue import about_material, ended, is_dialogue, is_prompt, waits, written_out
from belle_formats.listing import listed
from belle_formats.turns import Message, converse, is_message, is_messages, messages_of

NAMES = (
    ("full_chosen", "full_rejected"),  # Math-Step-DPO, whose ``chosen`` is a step in the middle
    ("chosen", "rejected"),
    ("response_chosen", "response_rejected"),
    ("chosen_response", "rejected_response"),  # Argilla
    ("preferred_output", "non_preferred_output"),  # OpenAI
    ("pos_resp", "neg_resp"),  # CValues
    ("response_j", "response_k"),  # Stack Exchange
    ("response", "rejected_response"),
    ("messages", "rejected_response"),
    ("messages", "rejected_messages"),
)
"""(better, worse)."""
SCORES = (
    ("score_chosen", "score_rejected"),  # HuggingFaceH4
    ("chosen_score", "rejected_score"),
    ("chosen-rating", "rejected-rating"),  # Argilla
    ("chosen_rating", "rejected_rating"),
    ("rating_chosen", "rating_rejected"),
)
"""Scores of the two, which are equal where nobody preferred either."""
BEFORE = ("conversations", "messages", "prompt", "context", "trajectory")
"""Where the conversation before the answers may stand, as messages."""
QUESTIONS = ("prompt", "question", "instruction", "query")
USED = (
    "id",
    *BEFORE,
    *QUESTIONS,
    "input",
    "history",
    *SYSTEM,
    *(name for pair in NAMES for name in pair),
)


class PreferenceFormat:
    """An answer is a text, a message, or the whole conversation as messages or written out (``Human: … Assistant: …``)."""

    refines = ("messages", "sharegpt", "alpaca", "firefly", "multiturn", "pair")

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there are two answers to compare."""
        names = _names(record)
        return names is not None and all(
            isinstance(record[key], str) or is_message(record[key]) or is_messages(record[key]) for key in names
        )

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example; raises ``Unreadable`` and ``Dropped``."""
        if (names := _names(record)) is None:
            raise Unreadable("missing_key:chosen", f"keys: {', '.join(map(str, record))}")
        better, worse = record[names[0]], record[names[1]]
        before, answer = _answer(better, record)
        before_other, other = _answer(worse, record)
        if before and before_other and before != before_other:
            raise Dropped(
                "different_prompts", f"{excerpt(str(before), around=100)} / {excerpt(str(before_other), around=100)}"
            )
        if not (answer.strip() and other.strip()):
            raise Dropped(
                "empty_answer", f"chosen: {excerpt(answer, around=50)} / rejected: {excerpt(other, around=50)}"
            )
        if answer == other:
            raise Dropped("equal_answers", excerpt(answer, around=100))
        if alike := _alike(record):
            raise Dropped("tie", alike)
        question = before or before_other or asked(record)
        return preferred(question, ("chosen", answer), [other], record, place, used=USED)


def preferred(
    question: list[Message],
    best: tuple[str, str],
    others: list[str],
    record: dict[str, Any],
    place: Place,
    *,
    used: Sequence[str],
) -> list[Example | Refused]:
    """The example of an answer, *best* (what it is called, and its text), that is better than *others*, and the turns left out of it.

    *used*: keys of *record* that are no more said about it. Raises ``Dropped``.
    """
    name, answer = best
    conversation, left_out = converse([*question, Message("assistant", answer)], system_field(record))
    if conversation is None or conversation.turns[-1] != Turn("assistant", answer):
        raise Dropped("empty_question", f"{name}: {excerpt(answer, around=100)}")
    own = place.id_of(record.get("id"))
    return [Example(own, conversation, rejected=tuple(others), **about(record, used)), *left_out]


def _names(record: dict[str, Any]) -> tuple[str, str] | None:
    return next((names for names in NAMES if names[0] in record and names[1] in record), None)


def _alike(record: dict[str, Any]) -> str:
    """What says that neither answer is better."""
    if record.get("status") == "tie":  # Argilla's Orca pairs
        return "status: tie"
    scores = [(key, record.get(key), record.get(other)) for key, other in SCORES]
    return next((f"{key}: {a}" for key, a, b in scores if isinstance(a, (int, float)) and a == b), "")


def _answer(value: Any, record: dict[str, Any]) -> tuple[list[Message], str]:
    """The conversation before an answer, if it stands there too, and the answer."""
    value = listed(value)
    if isinstance(value, str) and not _is_whole(value, record):
        return [], ended(value) if value.rstrip().endswith(">") and _prompted(record) else value
    messages = (
        written_out(value) if isinstance(value, str) else messages_of(value if isinstance(value, list) else [value])
    )
    if not messages or messages[-1].role != "assistant":
        raise Dropped("empty_answer", excerpt(str(value), around=100))
    return messages[:-1], messages[-1].text


def _is_whole(text: str, record: dict[str, Any]) -> bool:
    """Whether *text* is a whole conversation: a dialogue, whose question stands nowhere else or is what it begins with."""
    if not is_dialogue(text):
        return False
    if any(is_messages(listed(record.get(key))) for key in BEFORE) or isinstance(record.get("input"), dict):
        return False
    questions = (record.get(key) for key in (*QUESTIONS, "input"))
    question = next((one.strip() for one in questions if isinstance(one, str) and one.strip()), "")
    return text.strip().startswith(question)


def _prompted(record: dict[str, Any]) -> bool:
    """Whether the question is a model's prompt."""
    return any(is_prompt(record.get(key)) for key in QUESTIONS)


def asked(record: dict[str, Any]) -> list[Message]:
    """What the answers reply to: never empty; raises ``Unreadable`` and ``Dropped``."""
    if isinstance(given := record.get("input"), dict):  # OpenAI
        if offered := unread(given):
            raise Dropped("not_text", excerpt(f"{offered}: {given[offered]}", around=100))
        return messages_of(list_field(given, "messages"))
    for key in BEFORE:
        if isinstance(value := listed(record.get(key)), list):
            return messages_of(value)
    key = next((key for key in QUESTIONS if key in record), "input")
    text = text_field(record, key)
    context = record["context"] if isinstance(record.get("context"), str) else ""
    material = joined(context, "" if key == "input" else text_field(record, "input", optional=True))
    messages = written_out(text) if is_dialogue(text) or waits(text) else [Message("user", text)]
    return [*(Message(turn.role, turn.text) for turn in history(record)), *about_material(messages, material)]


FORMAT = PreferenceFormat()
