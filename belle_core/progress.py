"""Shows how far a long loop is: a bar in a terminal, otherwise a line every ten seconds; short loops stay silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

from belle_core.language import say
from belle_core.notices import attended, tell

T = TypeVar("T")
SILENT = 1.0  # seconds before a bar appears
EVERY = 10.0  # seconds between lines where there is no terminal
STRIDE = 256  # items between looks at the clock


def track(
    iterable: Iterable[T],
    *,
    total: float | None,
    label: str,
    position: Callable[[], float] | None = None,
    size: Callable[[T], int] = lambda item: 1,
    note: Callable[[], str] = lambda: "",
) -> Iterator[T]:
    """*iterable*, while the items per second and the time left are shown on standard error.

    ``total`` is what ``position()`` reaches at the end, for example bytes of a file; without ``position`` items are counted.
    ``size`` says for how many an item counts; ``note()`` says what else is to be shown.
    """
    started = due = 0.0
    count = looked = 0
    with ExitStack() as stack:
        show: Callable[[int, float], None] | None = None
        for item in iterable:
            if not due:  # what is prepared before the first item says nothing of the pace
                started = time.monotonic()
                due = started + (SILENT if attended() else EVERY)
            yield item
            count += size(item)
            if count < looked + STRIDE:
                continue
            looked = count
            if (now := time.monotonic()) < due:
                continue
            show = show or (_bar(stack, label, total, note) if attended() else _lines(label, total, started, note))
            show(count, position() if position else count)
            due = now + (0.2 if attended() else EVERY)


def _bar(stack: ExitStack, label: str, total: float | None, note: Callable[[], str]) -> Callable[[int, float], None]:
    from rich import progress as rich  # only what takes long pays for this
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.TextColumn("{task.fields[rate]}", markup=False),
        rich.TimeRemainingColumn(),
    )
    bar = stack.enter_context(rich.Progress(*columns, console=Console(stderr=True), transient=True))
    task: Any = bar.add_task(label, total=total, rate="")
    begun = time.monotonic() - SILENT

    def show(count: int, done: float) -> None:
        words = [rate_text(count, time.monotonic() - begun), note()]
        bar.update(task, completed=done, rate=" · ".join(filter(None, words)))

    return show


def _lines(label: str, total: float | None, started: float, note: Callable[[], str]) -> Callable[[int, float], None]:
    def show(count: int, done: float) -> None:
        elapsed = time.monotonic() - started
        parts = [f"{label} {count:,}", rate_text(count, elapsed)]
        if total and done:
            left = elapsed * max(0.0, total - done) / done
            parts += [f"{done / total:.0%}", say(f"{left:.0f} s left", f"还需 {left:.0f} 秒")]
        words = " · ".join(filter(None, [*parts, note()]))
        tell(words, words)

    return show


def rate_text(count: int, seconds: float) -> str:
    """Items per second for people."""
    return f"{count / max(seconds, 1e-9):,.0f}{say('/s', ' 条/秒')}"
