"""Stanford Alpaca's records (tatsu-lab/stanford_alpaca) with LLaMA-Factory's additions ``system`` and ``history``."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Conversation, Example, Turn
from belle_core.data import Dropped, Place, Unreadable

USED = ("id", "instruction", "input", "output", "system", "history")


class AlpacaFormat:
    """``instruction`` and ``input``, joined by a newline as BELLE does, are the question; ``output`` is the answer."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a question and one answer; an empty one also counts."""
        return {"instruction", "output"} <= record.keys() and all(
            isinstance(record.get(key), (str, type(None))) for key in ("instruction", "input", "output")
        )

    def examples(self, record: dict[str, Any], place: Place) -> list[Example]:
        """One example; raises ``Unreadable`` for missing keys and wrong types, ``Dropped`` for empty questions and answers."""
        instruction, answer = _text(record, "instruction"), _text(record, "output")
        extra = _text(record, "input", optional=True)
        question = "\n".join(part for part in (instruction, extra) if part.strip())
        if not question:
            raise Dropped("empty_question", f"answer: {answer[:100]}")
        if not answer.strip():
            raise Dropped("empty_answer", f"question: {question[:100]}")
        turns = (*_history(record), Turn("user", question), Turn("assistant", answer))
        label = _label(record)
        meta = {key: value for key, value in record.items() if key not in USED and key != label}
        conversation = Conversation(turns, _text(record, "system", optional=True))
        category = " ".join(record[label].split()) if label else ""
        return [Example(place.id_of(record.get("id")), conversation, category=category, meta=meta)]


FORMAT = AlpacaFormat()


def _text(record: dict[str, Any], key: str, *, optional: bool = False) -> str:
    if key not in record and not optional:
        raise Unreadable(f"missing_key:{key}", f"keys: {', '.join(record)}")
    value = record.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unreadable(f"wrong_type:{key}", f"{type(value).__name__} where text should be")
    return value


def _history(record: dict[str, Any]) -> list[Turn]:
    """Earlier turns: a list of [question, answer]."""
    turns: list[Turn] = []
    history = record.get("history") or []
    if not isinstance(history, list):
        raise Unreadable("wrong_type:history", f"{type(history).__name__} where a list should be")
    for pair in history:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
            raise Unreadable("wrong_type:history", "should be a list of [question, answer]")
        if not all(text.strip() for text in pair):
            raise Dropped("empty_turn", f"history: {pair[0][:50]} / {pair[1][:50]}")
        turns += [Turn("user", pair[0]), Turn("assistant", pair[1])]
    return turns


def _label(record: dict[str, Any]) -> str | None:
    """The key that holds the category."""
    return next((key for key in ("category", "class") if isinstance(record.get(key), str)), None)
