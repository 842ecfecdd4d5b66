"""Answers that go round in circles: the same again and again, one directly behind the other."""

from __future__ import annotations

import re

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.languages import is_code
from belle_core.data.personal import excerpt
from belle_filters.config import RepetitionConfig
from belle_filters.texts import answers

LETTERS = 3
"""Letters that say as much as a Chinese character."""
SAMPLE = 200
"""Characters by which the script of a text is told."""
PROBES = 6
"""Places of a text that are looked at first; a loop is at one of them, since it fills much of the text."""
NUMBER = re.compile(r"^[ \t]*(?:[-*•·]|[（(]?\d{1,3}[.、)）．：:])[ \t]*|[ \t]+$", re.MULTILINE)
"""What tells one item of a list from the next where they say the same."""
DRAWN = " \n-=|_*.\t#—─~+:/\\<>[](){}0123456789▁▂▃▄▅▆▇█░▒▓■□◆◇○●★☆"
"""What tables, rulers, pictures made of characters and music for guitars repeat."""


class Repetition:
    """The share of an answer that is a loop: what follows itself *times* times. Programs and mark-up repeat themselves by nature; a song with a
    chorus, a quiz and a plan say something new in between."""

    repairs = False

    def __init__(self, config: RepetitionConfig) -> None:
        self.config = config

    def __call__(self, example: Example) -> Example | Drop:
        for text in answers(example):
            unit = self._unit(text)
            program = unit > self.config.unit and is_code(text)  # Chinese has too few words to tell by
            if len(text) >= unit * self.config.times and self._suspect(text, unit) and not program:
                share, run = looping(NUMBER.sub("", text), unit, self.config.times)
                if share >= self.config.share:
                    return Drop(evidence=f"{share:.0%}: {excerpt(run[:SAMPLE])}")
        return example

    def _unit(self, text: str) -> int:
        """Characters that must repeat: of letters as many more as say as much."""
        begin = text[:SAMPLE]
        more = len(begin.encode("utf-8", "surrogatepass")) - len(begin)  # two bytes for every Chinese character
        return self.config.unit if more * 2 >= len(begin) else self.config.unit * LETTERS

    def _suspect(self, text: str, unit: int) -> bool:
        """Whether one of a few runs stands in *text* too often."""
        return any(
            text.count(text[at : at + unit]) >= self.config.times or _loops(text, at, unit)
            for at in _probes(text, unit)
        )


def looping(text: str, unit: int, times: int) -> tuple[float, str]:
    """Share of *text* that its longest loop takes, and what goes round; a loop is periodic, *times* periods and ``unit * times`` characters or more."""
    share, run = 0.0, ""
    for at in _probes(text, unit):
        again = text.find(text[at : at + unit], at + 1)
        if again < 0:
            continue
        first, last = _periodic(text, at, again - at)
        period = text[first : first + again - at]
        if last - first >= times * max(len(period), unit) and period.strip(DRAWN) and last - first > share * len(text):
            share, run = (last - first) / len(text), period
    return share, run


def _probes(text: str, unit: int) -> range:
    last = len(text) - unit
    return range(last, -1, -max(1, last // (PROBES - 1)))


def _periodic(text: str, at: int, period: int) -> tuple[int, int]:
    """From where to where around *at* every character is the same as the one *period* before."""
    last = at + period
    while last < len(text) and text[last] == text[last - period]:
        last += 1
    first = at
    while first and text[first - 1] == text[first - 1 + period]:
        first -= 1
    return first, last


def _loops(text: str, at: int, unit: int) -> bool:
    """Whether a short period (``哈哈哈``) begins at *at*; ``str.count`` does not count what overlaps."""
    again = text.find(text[at : at + unit], at + 1)
    return 0 < again - at < unit
