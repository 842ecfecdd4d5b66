"""Standard streams: what is said beside results goes to standard error, and whatever the streams are, nothing stops."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

from belle_core.language import say
from belle_core.terminal import visible


def tell(english: str, chinese: str) -> None:
    """Say one line at once, in the user's language and behind the program's name. It may quote data: nothing in it steers the terminal."""
    write(visible(" ".join(say(f"belle: {english}", f"belle：{chinese}").splitlines())) + "\n")


def write(text: str) -> None:
    """*text* as it is, at once; signs that the encoding lacks are spelled out, and where nobody listens nothing happens."""
    try:
        encoding = sys.stderr.encoding or "utf-8"
        sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):  # there is none, its terminal is gone, it was closed
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # what the old one still holds would fail again at the end


def attended() -> bool:
    """Whether somebody may be watching: standard error is a terminal."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


def prepare() -> None:
    """Open standard streams that the caller has closed, onto nothing, and let standard output spell out signs that its encoding lacks.

    Else Python has ``None`` there, and the next file that is opened gets the stream's number, so that what libraries say goes into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
