"""Chooses between the English and the Chinese form of what a user reads."""

from __future__ import annotations

import locale
import os
from functools import cache


@cache
def chinese() -> bool:
    """Whether to speak Chinese: ``BELLE_LANG`` decides, else the locale."""
    chosen = (
        os.environ.get("BELLE_LANG")
        or os.environ.get("LC_ALL")
        or os.environ.get("LC_MESSAGES")
        or os.environ.get("LANG")
    )
    return (chosen or locale.getlocale()[0] or "").lower().startswith(("zh", "chinese"))


def say(english: str, chinese_text: str) -> str:
    """The one of two equal texts that the user reads."""
    return chinese_text if chinese() else english
