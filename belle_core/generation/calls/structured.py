"""Reads JSON out of an answer, whether the endpoint enforced it or the model wrapped it in words."""

from __future__ import annotations

import json
from typing import Any


def json_in(text: str) -> dict[str, Any] | None:
    """The first JSON object in *text*, ``None`` when there is none; nothing of it is ever executed."""
    decoder = json.JSONDecoder()
    place = text.find("{")
    while place >= 0:
        try:
            found, _ = decoder.raw_decode(text, place)
            return found if isinstance(found, dict) else None
        except (ValueError, RecursionError):
            place = text.find("{", place + 1)
    return None
