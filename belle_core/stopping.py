"""The signals that tell a program to stop, and what follows: everything is closed and kept, one line is said, and the status tells which."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from belle_core.language import say
from belle_core.notices import write


def stops() -> list[int]:
    """Ctrl-C, what a system says before it ends a process, and that the terminal is gone unless that is to be ignored (``nohup``)."""
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    return [signal.SIGINT, signal.SIGTERM, *([hangup] if hangup and signal.getsignal(hangup) != signal.SIG_IGN else [])]


def leave(number: int, _: Any) -> None:
    """End this process by an exception, so that what is being done is ended in order; being told twice changes nothing."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


@contextmanager
def heard() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP end what is done by an exception, as Ctrl-C does."""
    before = {number: signal.getsignal(number) for number in stops()}
    for number, handler in before.items():
        if handler == signal.SIG_DFL:
            signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stopped_by(end: BaseException) -> int | None:
    """The signal that *end* comes from, ``None`` for another end."""
    if isinstance(end, KeyboardInterrupt):
        return signal.SIGINT
    code = end.code if isinstance(end, SystemExit) else None
    return code - 128 if isinstance(code, int) and code - 128 in signal.valid_signals() else None


def tell_end(number: int, *, goes_on: bool) -> None:
    """Say what ended the program, and *goes_on* where the same command takes up what is finished."""
    name = signal.Signals(number).name
    said = say(f"belle: told to stop ({name})", f"belle：收到停止信号（{name}）")
    if number == signal.SIGINT:  # on a line of its own, not behind the terminal's ^C
        said = say("\nbelle: interrupted", "\nbelle：已中断")
    if goes_on:
        said += say(
            "; what is finished is kept, and the same command goes on from here",
            "；已完成的部分都已保留，重复同一命令即可继续",
        )
    write(said + "\n")
