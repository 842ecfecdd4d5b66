"""Text from generated ids, piece by piece without half characters."""

from __future__ import annotations

from collections.abc import Callable

BROKEN = "\N{REPLACEMENT CHARACTER}"
LONGEST_CHARACTER = 4  # bytes, and so tokens, in UTF-8


class TextStream:
    """Turns ids into text as they come; a character that arrives in several tokens appears when it is whole.

    ``decode`` gives the text of a list of ids. What comes out, put together, is ``decode`` of all ids wherever these
    spell valid UTF-8.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._start = self._shown = 0  # the window from _start gives decode its context; ids before _shown are out

    def push(self, token: int) -> str:
        """The text that *token* completes; empty while a character is still in pieces."""
        self._ids.append(token)
        text = self._new()
        waiting = len(self._ids) - self._shown
        if not text or (text.endswith(BROKEN) and waiting < LONGEST_CHARACTER):
            return ""
        return self._show(text)

    def finish(self) -> str:
        """What is left when the ids end within a character."""
        return self._show(self._new())

    def _new(self) -> str:
        before = self._decode(self._ids[self._start : self._shown])
        return self._decode(self._ids[self._start :])[len(before) :]

    def _show(self, text: str) -> str:
        self._start, self._shown = self._shown, len(self._ids)
        return text


def text_of(ids: list[int], decode: Callable[[list[int]], str]) -> str:
    """What :class:`TextStream` puts together: an answer reads the same at once as piece by piece."""
    text = decode(ids)
    if BROKEN not in text:
        return text
    stream = TextStream(decode)  # only bytes that spell nothing are marked differently
    return "".join([*map(stream.push, ids), stream.finish()])
