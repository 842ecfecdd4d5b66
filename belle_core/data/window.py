"""The part of a text that is being looked at while its values are read one by one."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from belle_core.data.lines import LONGEST
from belle_core.data.strictjson import Malformed, StrictDecoder
from belle_core.data.textfile import BROKEN

SPACE = re.compile(r"[ \t\r\n\ufeff]*")
TOKEN = 16
"""Characters that the longest token that can be cut in two takes (a number aside)."""
OVERLAP = 200
"""Characters kept while searching, since a match may be cut in two."""


class Window:
    """The text that is being looked at: ``text[at:]`` is still to be used, and ``line`` is the line of ``at``."""

    def __init__(self, pieces: Iterator[str], invalid: deque[int]) -> None:
        self._pieces, self._invalid = pieces, invalid
        self.text, self.at, self.line, self.ended = "", 0, 1, False
        self.used = 0
        """Characters that were used up."""
        self.undecoded: list[int] = []
        """Byte offsets of undecodable places in the text that was used up; whoever asks clears it."""

    def more(self) -> bool:
        """Read on until the unused text has doubled; ``False`` at the end of the file."""
        unused = len(self.text) - self.at
        parts = [self.text[self.at :]]
        added = 0
        while not self.ended and added <= unused:
            piece = next(self._pieces, None)
            self.ended = piece is None
            parts.append(piece or "")
            added += len(parts[-1])
        self.text, self.at = "".join(parts), 0
        return added > 0

    def move(self, to: int) -> None:
        """Use up the text before *to*."""
        self.line += self.text.count("\n", self.at, to)
        self.used += to - self.at
        if self._invalid:
            self.undecoded += [self._invalid.popleft() for _ in range(self.text.count(BROKEN, self.at, to))]
        self.at = to

    def peek(self) -> str:
        """The next character that is not white space; empty at the end of the file."""
        while True:
            self.move(SPACE.match(self.text, self.at).end())  # type: ignore[union-attr]
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def find(self, pattern: re.Pattern[str] | None) -> bool:
        """Move to the next match of *pattern*, else to the end of the file, forgetting what lies before."""
        while True:
            found = pattern.search(self.text, self.at) if pattern else None
            if found:
                self.move(found.start())
                return True
            self.move(max(self.at, len(self.text) - (0 if self.ended else OVERLAP)))
            if self.ended:
                return False
            self.more()

    def decode(self, decoder: StrictDecoder) -> tuple[object, int]:
        """The value that begins here and where it ends in ``text``; raises :class:`Malformed`."""
        while True:
            try:
                value, end = decoder.decode(self.text, self.at)
                if end < len(self.text) or self.ended:
                    return value, end
            except Malformed as error:
                if self.ended:
                    raise self._at_end(error) from None
                if error.end is not None or not (_unterminated(error) or error.at + TOKEN >= len(self.text)):
                    raise
            if len(self.text) - self.at > LONGEST:
                raise Malformed(f"a record is longer than {LONGEST:,} characters", self.at)
            self.more()

    def _at_end(self, error: Malformed) -> Malformed:
        """*error*, or that a record has begun here and the file ends before it does."""
        over = error.end is None and (_unterminated(error) or error.at >= len(self.text.rstrip()))
        return Malformed("the file ends inside a record", error.at) if over and self.text[self.at] in "{[" else error


def _unterminated(error: Malformed) -> bool:
    return error.why.startswith("Unterminated")
