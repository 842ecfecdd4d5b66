"""Puts together an answer that an endpoint sends in pieces: server-sent events, which some send for every call."""

from __future__ import annotations

import json
from typing import Any

TEXTS = ("content", "text", "reasoning_content", "reasoning", "refusal")
"""Fields of a piece that are parts of a text."""


def joined(text: str) -> dict[str, Any] | None:
    """The answer as it would have come at once; ``None`` when *text* is no stream, or one without its end."""
    whole: dict[str, Any] = {}
    texts: dict[str, str] = {}
    ended, last = "", ""
    for line in text.split("\n"):
        if not line.startswith("data:") or last == "[DONE]":
            continue
        last = line[5:].strip()
        piece = _parsed(last)
        if not piece:
            continue
        if piece.get("error"):
            return {"error": piece["error"]}
        whole |= {name: piece[name] for name in ("model", "usage") if piece.get(name)}
        for choice in (piece.get("choices") or [])[:1]:  # the piece with the usage has none
            ended = choice.get("finish_reason") or ended
            said = choice.get("delta") or choice.get("message") or choice
            for name in TEXTS:
                if isinstance(said.get(name), str):
                    texts[name] = texts.get(name, "") + said[name]
    if not (ended or last == "[DONE]"):
        return None
    message = {"message": {"content": "", **texts}} if "text" not in texts else texts
    return whole | {"choices": [{"finish_reason": ended, **message}]}


def _parsed(data: str) -> dict[str, Any] | None:
    try:
        piece = json.loads(data)
    except ValueError:
        return None
    return piece if isinstance(piece, dict) else None
