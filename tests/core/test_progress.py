"""Progress changes nothing about what is iterated, and speaks only when it takes long."""

from __future__ import annotations

import pytest

from belle_core import progress
from belle_core.progress import track


class Clock:
    """Time that passes by a second a look."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 1.0
        return self.now


def test_short_loops_are_silent(capsys):
    assert list(track(range(5000), total=5000, label="reading")) == list(range(5000))
    assert capsys.readouterr() == ("", "")


def test_long_loops_print_a_line_every_ten_seconds(capsys, monkeypatch):
    monkeypatch.setattr(progress, "time", Clock())
    done = iter(range(1, 10**6))
    assert sum(1 for _ in track(range(256 * 40), total=80, label="reading", position=lambda: next(done))) == 256 * 40
    lines = capsys.readouterr().err.splitlines()
    assert (
        2 <= len(lines) <= 4 and lines[0].startswith("belle: reading 2,") and "/s" in lines[0] and "s left" in lines[0]
    )


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SILENT", 0.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(track(range(1000), total=None, label="reading")) == list(range(1000))


def test_errors_and_early_ends_pass_through():
    def items():
        yield 1
        raise KeyError("x")

    tracked = track(items(), total=None, label="reading")
    assert next(tracked) == 1
    with pytest.raises(KeyError):
        next(tracked)
    assert next(track(iter("ab"), total=2, label="x")) == "a"
