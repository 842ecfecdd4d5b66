"""Tells on standard error how far answering is; short jobs stay silent."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable

from belle_core.language import say
from belle_core.notices import attended, write

SHORT, QUIET = 0.5, 10.0
"""Seconds between two lines, in a terminal and elsewhere."""
LATELY = 60.0
"""Seconds over which the rate is measured: answers that were there already, after an interruption, came much faster."""


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
        self.total, self.done = total, done
        self._what, self._more = what, more
        self._shown = time.monotonic()
        self._marks = deque([(self._shown, done)])
        self._terminal = attended()
        self._wrote = False

    @property
    def rate(self) -> float:
        """Answers per second, lately."""
        began, done = self._marks[0]
        return (self.done - done) / max(time.monotonic() - began, 1e-9)

    def add(self, count: int) -> None:
        """*count* more are ready, perhaps none."""
        self.done += count
        now = time.monotonic()
        if now - self._marks[-1][0] >= LATELY / 60:
            self._marks.append((now, self.done))
        while len(self._marks) > 1 and now - self._marks[1][0] > LATELY:
            self._marks.popleft()
        if now - self._shown >= (SHORT if self._terminal else QUIET):
            self._shown = now
            self._show()

    def close(self) -> None:
        """Take the line away."""
        if self._terminal and self._wrote:
            write("\r\033[K")

    def _show(self) -> None:
        english, chinese = self._what
        left = f"{(self.total - self.done) / self.rate:,.0f}" if self.rate else "?"
        rate = f"{self.rate:.1f}" if self.rate >= 1 else f"{self.rate:.2g}"
        text = say(
            f"belle: {self.done:,}/{self.total:,} {english}, {rate}/s, {left} s left",
            f"belle：{self.done:,}/{self.total:,} {chinese}，每秒 {rate} 条，剩余 {left} 秒",
        )
        text += self._more()
        if self._terminal:  # a line that wraps could not be taken back
            text = _cut(text, shutil.get_terminal_size().columns - 1)
        start, end = ("\r\033[K", "") if self._terminal else ("", "\n")
        write(start + text + end)
        self._wrote = True


def _cut(text: str, columns: int) -> str:
    """The beginning of *text* that fits; Chinese characters take two columns."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= columns else set_cell_size(text, columns)
