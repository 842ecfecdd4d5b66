"""Text that anybody may have written, made harmless for a terminal."""

from __future__ import annotations

from unicodedata import category

DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """*text* without what would steer a terminal: control characters but line breaks and tabs, and changes of direction.

    Works on pieces of a stream as on the whole.
    """
    return "".join(c for c in text if c in "\n\t" or (category(c) not in ("Cc", "Cs") and c not in DIRECTIONS))


def visible(text: str) -> str:
    """*text* with control characters made visible, so that data cannot steer the terminal: ``\\x1b`` becomes ``␛``."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if character.isprintable():
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
