"""What the JSON of an answer says: its text without thoughts, how it ended, and what it cost."""

from __future__ import annotations

import re
from typing import Any

from belle_core.generation.calls.config import EndpointConfig
from belle_core.generation.calls.request import (
    FILTERED,
    LENGTH,
    STOP,
    Failed,
    Reply,
    Request,
    longest,
    most_prompt_tokens,
)
from belle_core.language import say

ENDINGS = {
    LENGTH: LENGTH,
    "max_tokens": LENGTH,
    "model_length": LENGTH,
    FILTERED: FILTERED,
    "sensitive": FILTERED,  # Zhipu
    "safety": FILTERED,
    "refusal": FILTERED,
}
"""What endpoints call the ways to end; other words than these and those below mean that the model ended it."""
BROKEN = ("error", "abort", "network_error", "insufficient_system_resource", "engine_overloaded")
"""How an answer ends that the endpoint itself broke off (OpenRouter, vLLM, Zhipu, DeepSeek, Moonshot)."""
THOUGHTS = re.compile(r"\s*[<\[◁](think(?:ing)?|thought)[>\]▷]", re.IGNORECASE)
END_OF_THOUGHTS = re.compile(r"[<\[◁]/(?:think(?:ing)?|thought)[>\]▷]\s*", re.IGNORECASE)


def reply_of(answer: dict[str, Any], request: Request, config: EndpointConfig) -> Reply:
    """The fields that matter of an answer's JSON; raises ``Failed`` when it is none."""
    try:
        choice = answer["choices"][0]
        message = choice.get("message", choice)
        said = _text(message.get("content") if "message" in choice else choice["text"])
        refusal = _text(message.get("refusal"))
        unseen = _text(message.get("reasoning_content") or message.get("reasoning"))
        ended = str(choice.get("finish_reason") or "").lower()
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise Failed(say("malformed answer: no text of a choice in it", "回答中没有文本"), billed=True) from error
    if ended in BROKEN:
        raise Failed(say(f"broken off: {ended}", f"回答中断：{ended}"), billed=True)
    prompt, completion = _cost(answer.get("usage"), most_prompt_tokens(request), said + unseen)
    if not ended and completion >= longest(request, config):
        ended = LENGTH
    ended = FILTERED if refusal and not said else ENDINGS.get(ended, STOP)
    text = spoken(said) or (refusal if ended == FILTERED else "")
    return Reply(text, ended, prompt, completion, str(answer.get("model") or ""))


def spoken(text: str) -> str:
    """*text* behind the thoughts that a model writes first; nothing when these do not end.

    Where the chat template begins the thoughts, only their end stands in the answer.
    """
    end = END_OF_THOUGHTS.search(text)
    if THOUGHTS.match(text):
        return text[end.end() :] if end else ""
    begun_before = end is not None and end[0].strip() == "</think>" and "<think>" not in text[: end.start()]
    return text[end.end() :] if end and begun_before else text


def _text(content: Any) -> str:
    """A text, or the texts of a list of parts without those that are thoughts; half of a surrogate pair becomes ``?``."""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if isinstance(part, dict) and part.get("type") == "text")
    if content is not None and not isinstance(content, str):
        raise TypeError("no text")
    return (content or "").encode("utf-8", "replace").decode()


def _cost(usage: Any, most_prompt: int, written: str) -> tuple[int, int]:
    """Tokens of question and answer, thoughts included; what is not told counts as the most that it can be."""
    figures = usage if isinstance(usage, dict) else {}
    prompt, completion, total = (
        _count(figures.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    if prompt is None or completion is None:
        return most_prompt, len(written.encode()) + 1
    return prompt, max(completion, (total or 0) - prompt)  # some count thoughts in the total alone, and bill them


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
