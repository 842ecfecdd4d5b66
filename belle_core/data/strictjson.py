"""JSON as the standard says: what Python's decoder lets through or stumbles over is refused here with a reason."""

from __future__ import annotations

import json
import math
import re
from typing import Any

DEPTH = 64
"""Deepest nesting of lists and objects; deeper data is an accident or an attack."""
HALF = re.compile(r"\\u[dD][89a-fA-F]")


class Malformed(ValueError):
    """Not JSON: what is wrong and at which character. ``end`` is where the value ends, if that is known."""

    def __init__(self, why: str, at: int, end: int | None = None) -> None:
        super().__init__(why)
        self.why, self.at, self.end = why, at, end


class StrictDecoder:
    """Decodes one value at a time and refuses NaN, numbers beyond float, repeated keys, deep nesting and half characters."""

    def __init__(self) -> None:
        self._flaws: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._constant, parse_float=self._float, parse_int=self._int
        )

    def decode(self, text: str, at: int = 0) -> tuple[Any, int]:
        """The value that begins at *at* and where it ends; raises :class:`Malformed`."""
        self._flaws.clear()
        try:
            value, end = self._decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise Malformed(error.msg, error.pos) from None
        except RecursionError:
            raise Malformed(f"nested deeper than {DEPTH}", at) from None
        if text.count("{", at, end) + text.count("[", at, end) > DEPTH and _depth(value) > DEPTH:
            self._flaws.append(f"nested deeper than {DEPTH}")
        if text.find("\\u", at, end) >= 0 and HALF.search(text, at, end) and _has_half(value):
            self._flaws.append("half of a surrogate pair (\\ud800 to \\udfff)")
        if self._flaws:
            raise Malformed(self._flaws[0], at, end)
        return value, end

    def whole(self, text: str) -> Any:
        """The value that *text* is; raises :class:`Malformed`."""
        value, end = self.decode(text)
        if end < len(text):
            comma = text[end:].strip() == ","
            raise Malformed("a comma stands after the value" if comma else "more after the end of the value", end)
        return value

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            self._flaws.append(f"the key {twice!r} stands twice in one object")
        return result

    def _constant(self, name: str) -> None:
        self._flaws.append(f"{name} is not JSON")

    def _float(self, text: str) -> float:
        value = float(text)
        if math.isinf(value):
            self._flaws.append(f"the number {text[:20]} is too large")
        return value

    def _int(self, text: str) -> int:
        if len(text) > 4000:  # Python refuses to convert more
            self._flaws.append(f"the number {text[:20]}… is too large")
            return 0
        return int(text)


def _depth(value: Any) -> int:
    """Levels of lists and objects, counted without recursion."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth


def _has_half(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (UnicodeEncodeError, RecursionError):
        return True
    return False
