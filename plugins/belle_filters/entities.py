"""Text that was escaped for a page as a whole, as translators' services give it back: ``&lt;`` and ``&quot;`` to what they stand for."""

from __future__ import annotations

import html
import re

from belle_core.conversation import Example
from belle_filters.texts import texts_of

ESCAPED = re.compile(r"&(?:lt|gt|quot|amp|apos|#0?39|#x27);")
RAW = re.compile(r"[<>\"]|&(?!(?:[A-Za-z]{2,8}|#\d{1,5}|#x[0-9A-Fa-f]{1,4});)")
"""What escaping leaves nowhere."""
MEANT = re.compile(r"转义|实体|escap|\bentit", re.IGNORECASE)
"""Text about such signs themselves."""


def is_escaped(example: Example) -> bool:
    """Whether all texts of *example* were escaped: signs of it in one, and in none what escaping would have replaced."""
    for text in texts_of(example):
        if "&" in text:
            break
    else:
        return False
    whole = "\n".join(texts_of(example))
    return bool(ESCAPED.search(whole)) and not RAW.search(whole) and not MEANT.search(whole)


def unescaped(text: str) -> str:
    """*text* before it was escaped."""
    return ESCAPED.sub(lambda match: html.unescape(match.group()), text)
