"""When two examples ask the same: the key by which splits keep equal questions together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from hashlib import blake2b

from belle_core.conversation import Example

DIGEST = 8
"""Bytes of a key; of 100 million questions, two unequal ones share a key once in a few thousand data sets."""


BETWEEN_DIGITS = re.compile(r"[0-9][\W_]+[0-9]")


ODD = "\u2017\u203e\ufe49-\ufe4c"
"""Punctuation that NFKC makes an accent of."""


def question_of(example: Example) -> str:
    """What the user says first, or the whole text of an example that is no conversation."""
    if example.conversation is None:
        return example.text or ""
    return next((turn.text for turn in example.conversation.turns if turn.role == "user"), "")


@lru_cache(64)  # several filters ask for the texts of the same example
def normalised(text: str) -> str:
    """*text* in NFKC and lower case, without white space and punctuation.

    Punctuation between two digits stays (``3-2`` is not ``32``), and so does everything in a text that is nothing else.
    """
    bare = _either().sub("", text)
    if bare and unicodedata.is_normalized("NFKC", bare) and not BETWEEN_DIGITS.search(text):
        return bare.casefold()  # as most texts are: only their punctuation had another form, and it is gone
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = _dispensable().sub("", _blank().sub("", folded))
    return bare or folded


def question_key(example: Example) -> bytes:
    """8 bytes that are equal for equal questions."""
    return blake2b(normalised(question_of(example)).encode("utf-8", "replace"), digest_size=DIGEST).digest()


@cache
def _either() -> re.Pattern[str]:
    """White space and punctuation, for texts in which none stands between digits."""
    return _class(lambda kind: kind in ("Cc", "Cf") or kind[0] in "ZP", f"(?:(?![{ODD}])[{{0}}])+")


@cache
def _blank() -> re.Pattern[str]:
    return _class(lambda kind: kind in ("Cc", "Cf") or kind[0] == "Z", "[{0}]+")


@cache
def _dispensable() -> re.Pattern[str]:
    return _class(lambda kind: kind[0] == "P", "(?<![0-9])[{0}]+|[{0}]+(?![0-9{0}])")


def _class(wanted: Callable[[str], bool], pattern: str) -> re.Pattern[str]:
    """*pattern* with the characters of some Unicode categories; the first plane holds all that is written."""
    characters = "".join(re.escape(chr(c)) for c in range(0x10000) if wanted(unicodedata.category(chr(c))))
    return re.compile(pattern.format(characters))
