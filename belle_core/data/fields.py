"""Takes fields out of a record, with a reason when they are not there or not what they should be."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any

from belle_core.conversation import Turn
from belle_core.data.formats import Dropped, Unreadable
from belle_core.data.personal import excerpt

SYSTEM = ("system", "system_prompt")
"""Keys that hold a system text."""
THOUGHTS = (
    "reasoning_content",  # as APIs give it: DeepSeek and Qwen
    "reasoning",  # OpenRouter and vLLM
    "thinking",  # gpt-oss
    "Complex_CoT",  # medical-o1
    "deepseek_reasoning",  # OpenThoughts
    "deepseek_thinking_trajectory",  # s1K-1.1
    "thinking_trajectories",  # s1K, a list of one
    "model_reasoning",  # GeneralThought
    "reasoning (reasoning_content)",  # Medical-R1-Distill
    "think",
    "thought",
)
"""Keys that hold what led to an answer, beside it or in its message."""
THOUGHT_KEYS = frozenset(THOUGHTS)
SWITCHES = ("on", "off", "true", "false")
"""What such a key holds where it only says whether there is a thought."""
NOT_TEXT = frozenset(("image", "images", "video", "videos", "audio", "audios", "tools"))
"""Keys that hold what is no text (LLaVA, LLaMA-Factory, ms-swift), and functions that may be called (OpenAI)."""
NOTHING = ("", "[]", "{}", "null", "none")
"""What tables of texts hold where nothing is."""
CATEGORIES = ("category", "class", "kind")
"""Keys that hold the category, in order of preference."""


def text_field(record: dict[str, Any], key: str, *, optional: bool = False) -> str:
    """The text under *key*, empty for null; raises ``Unreadable`` when it is missing (unless *optional*) or no text."""
    value = record.get(key)
    if isinstance(value, str):
        return value
    if value is not None:
        raise Unreadable(f"wrong_type:{key}", f"{type(value).__name__} where text should be")
    if key not in record and not optional:
        raise Unreadable(f"missing_key:{key}", f"keys: {', '.join(map(str, record))}")
    return ""


def system_field(record: dict[str, Any]) -> str:
    """The system text beside a question or messages, which OpenOrca calls ``system_prompt``."""
    system = text_field(record, "system", optional=True)
    return joined(system, text_field(record, SYSTEM[1])) if SYSTEM[1] in record else system


def thought_key(record: dict[str, Any]) -> str:
    """The key under which *record* holds what led to its answer, empty without one."""
    if record.keys().isdisjoint(THOUGHT_KEYS):
        return ""
    return next((key for key in THOUGHTS if key in record and thought_of(record[key])), "")


def thought_of(value: Any) -> str:
    """The thought that *value* is, empty where it only says whether there is one."""
    text = value[0] if isinstance(value, list) and len(value) == 1 else value
    return text if isinstance(text, str) and text.strip().lower() not in ("", *SWITCHES) else ""


def thoughtful(answer: str, thought: Any) -> str:
    """*answer* after the *thought* that led to it, as models that reason write both (DeepSeek-R1, Qwen 3)."""
    if not (thought and (text := thought_of(thought)) and answer.strip()) or answer.lstrip().startswith("<think>"):
        return answer
    return f"<think>\n{text.strip()}\n</think>\n\n{answer}"


def list_field(record: dict[str, Any], key: str) -> list[Any]:
    """The list under *key*, empty for null; raises ``Unreadable`` when it is missing or no list."""
    if key not in record:
        raise Unreadable(f"missing_key:{key}", f"keys: {', '.join(map(str, record))}")
    value = record[key]
    if not isinstance(value, (list, type(None))):
        raise Unreadable(f"wrong_type:{key}", f"{type(value).__name__} where a list should be")
    return value or []


def number_field(record: dict[str, Any], key: str) -> float:
    """The finite number under *key*; raises ``Unreadable`` when there is none."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise Unreadable(f"wrong_type:{key}", f"{value!r} where a number should be")
    return value


def joined(*parts: str) -> str:
    """The parts that are not blank, one per line, as BELLE joins instruction and input."""
    return "\n".join([part for part in parts if part.strip()])


def question_and_answer(question: str, answer: str) -> list[Turn]:
    """Both turns; raises ``Dropped`` when one is empty."""
    if not question.strip():
        raise Dropped("empty_question", f"answer: {excerpt(answer, around=100)}")
    if not answer.strip():
        raise Dropped("empty_answer", f"question: {excerpt(question, around=100)}")
    return [Turn("user", question), Turn("assistant", answer)]


def history(record: dict[str, Any]) -> list[Turn]:
    """Earlier turns under ``history``: a list of [question, answer]."""
    if not record.get("history"):
        return []
    turns: list[Turn] = []
    for pair in list_field(record, "history"):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
            raise Unreadable("wrong_type:history", "should be a list of [question, answer]")
        if not all(text.strip() for text in pair):
            raise Dropped("empty_turn", f"history: {excerpt(pair[0], around=50)} / {excerpt(pair[1], around=50)}")
        turns += [Turn("user", pair[0]), Turn("assistant", pair[1])]
    return turns


def given(value: Any) -> bool:
    """Whether *value* is something: no null, nothing empty, and no text that says so."""
    return bool(value) and not (isinstance(value, str) and value.strip().lower() in NOTHING)


def unread(record: dict[str, Any], keys: frozenset[str] = NOT_TEXT) -> str:
    """The first of *keys* under which *record* has something, empty without one."""
    if record.keys().isdisjoint(keys):
        return ""
    return next((key for key in record if key in keys and given(record[key])), "")


def about(record: dict[str, Any], used: Iterable[str], *, category: str | None = None) -> dict[str, Any]:
    """``category`` and ``meta`` of an example: the rest of *record*, which is kept and never trained on.

    Raises ``Dropped`` where a picture or a sound is part of what is asked, and where functions are offered.
    """
    rest = {key: value for key, value in record.items() if key not in used}
    text = None
    if rest:  # many records say nothing more
        if other := unread(rest):
            raise Dropped("not_text", excerpt(f"{other}: {rest[other]}", around=200))
        label = category or next((key for key in CATEGORIES if isinstance(rest.get(key), str)), "")
        text = rest.pop(label) if isinstance(rest.get(label), str) else None
    return {"category": " ".join(text.split()) if text else "", "meta": rest}
