"""Tells on standard error how far answering is; short jobs stay silent."""

from __future__ import annotations

import sys
import time

from belle_core.language import say


class Progress:
    """``3.1 answers/s, 40 s left`` every few seconds: one line that is overwritten in a terminal, else a new one."""

    def __init__(self, total: int, *, done: int = 0) -> None:
        self.total, self.first, self.done = total, done, done
        self._started = self._shown = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._wrote = False

    @property
    def rate(self) -> float:
        """Answers per second since the start."""
        return (self.done - self.first) / max(time.monotonic() - self._started, 1e-9)

    def add(self, count: int) -> None:
        """*count* more are ready."""
        self.done += count
        if time.monotonic() - self._shown >= (0.5 if self._terminal else 10.0):
            self._shown = time.monotonic()
            self._show()

    def close(self) -> None:
        """Take the line away."""
        if self._terminal and self._wrote:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _show(self) -> None:
        left = (self.total - self.done) / max(self.rate, 1e-9)
        text = say(
            f"belle: {self.done}/{self.total} answers, {self.rate:.1f}/s, {left:.0f} s left",
            f"belle：已回答 {self.done}/{self.total}，每秒 {self.rate:.1f} 条，剩余 {left:.0f} 秒",
        )
        start, end = ("\r\033[K", "") if self._terminal else ("", "\n")
        print(start + text, end=end, file=sys.stderr, flush=True)
        self._wrote = True
