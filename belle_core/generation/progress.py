"""Tells on standard error how far answering is; short jobs stay silent."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable

from belle_core.language import say


class Progress:
    """``3.1 answers/s, 40 s left`` every few seconds: one line that is overwritten in a terminal, else a new one."""

    def __init__(
        self,
        total: int,
        *,
        done: int = 0,
        what: tuple[str, str] = ("answers", "条已回答"),
        more: Callable[[], str] = lambda: "",
    ) -> None:
        """``what`` is counted, in English and Chinese; ``more()`` stands behind it."""
        self.total, self.first, self.done = total, done, done
        self._what, self._more = what, more
        self._started = self._shown = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._wrote = False

    @property
    def rate(self) -> float:
        """Answers per second since the start."""
        return (self.done - self.first) / max(time.monotonic() - self._started, 1e-9)

    def add(self, count: int) -> None:
        """*count* more are ready, perhaps none."""
        self.done += count
        if time.monotonic() - self._shown >= (0.5 if self._terminal else 10.0):
            self._shown = time.monotonic()
            self._show()

    def close(self) -> None:
        """Take the line away."""
        if self._terminal and self._wrote:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _show(self) -> None:
        english, chinese = self._what
        left = f"{(self.total - self.done) / self.rate:,.0f}" if self.rate else "?"
        text = say(
            f"belle: {self.done:,}/{self.total:,} {english}, {self.rate:.1f}/s, {left} s left",
            f"belle：{self.done:,}/{self.total:,} {chinese}，每秒 {self.rate:.1f} 条，剩余 {left} 秒",
        )
        text += self._more()
        if self._terminal:  # a line that wraps could not be taken back
            text = _cut(text, shutil.get_terminal_size().columns - 1)
        start, end = ("\r\033[K", "") if self._terminal else ("", "\n")
        print(start + text, end=end, file=sys.stderr, flush=True)
        self._wrote = True


def _cut(text: str, columns: int) -> str:
    """The beginning of *text* that fits; Chinese characters take two columns."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= columns else set_cell_size(text, columns)
