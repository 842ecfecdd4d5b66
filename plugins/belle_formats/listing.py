"""Messages that tables hold otherwise than as a list of objects."""

from __future__ import annotations

import re
from typing import Any

from belle_core.data import Unreadable
from belle_core.data.personal import excerpt
from belle_core.data.strictjson import Malformed, StrictDecoder
from belle_formats.turns import FIELDS, is_message, is_messages

PYTHON = re.compile(r"\s*(\[\s*)?\{'(role|from|content|value|text)': ")
"""How messages begin that Python printed into a text."""


def listed(value: Any) -> Any:
    """Messages one by one that stand as speakers and texts side by side, or as JSON in a text; anything else as it is."""
    if isinstance(value, str):
        return _decoded(value) if value[:9].lstrip().startswith(("[", "{")) else value
    return _one_by_one(value) if isinstance(value, dict) else value


def _decoded(text: str) -> Any:
    """The message or messages that *text* holds as JSON; the text itself if it holds none."""
    if PYTHON.match(text):
        raise Unreadable(
            "wrong_type:message", f"messages written as Python and not as JSON: {excerpt(text, around=100)}"
        )
    try:
        value = StrictDecoder().whole(text.strip())
    except Malformed:
        return text
    return value if is_messages(value) or is_message(value) else text


def _one_by_one(value: dict[str, Any]) -> Any:
    """The messages whose speakers and texts are lists, as Hugging Face's ``Sequence`` of records holds them."""
    if not any(all(isinstance(value.get(name), list) for name in names) for names in FIELDS):
        return value
    columns = {name: column for name, column in value.items() if isinstance(column, list)}
    if len(sizes := {len(column) for column in columns.values()}) > 1:
        numbers = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
        raise Unreadable("wrong_type:message", f"lists of {len(sizes)} lengths, which belong together: {numbers}")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
