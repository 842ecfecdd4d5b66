"""Answers that repeat themselves: the same lines, or the same run of characters, again and again."""

from __future__ import annotations

from collections import Counter

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


class Repetition:
    """The share of characters in runs that stand in the answer several times; programs and mark-up repeat themselves by nature."""

    repairs = False

    def __init__(self, config: RepetitionConfig) -> None:
        self.config = config

    def __call__(self, example: Example) -> Example | Drop:
        times = self.config.times
        for text in answers(example):
            unit = self._unit(text)
            if len(text) >= unit * times and self._suspect(text, unit) and not is_code(text):
                share, run = repeated_share(text, unit, times)
                if share >= self.config.share:
                    return Drop(evidence=f"{share:.0%}: {excerpt(run)}")
        return example

    def _unit(self, text: str) -> int:
        """Characters that must repeat: of letters as many more as say as much."""
        begin = text[:SAMPLE]
        more = len(begin.encode("utf-8", "surrogatepass")) - len(begin)  # two bytes for every Chinese character
        return self.config.unit if more * 2 >= len(begin) else self.config.unit * LETTERS

    def _suspect(self, text: str, unit: int) -> bool:
        """Whether one of a few runs stands in *text* too often."""
        last = len(text) - unit
        return any(
            text.count(text[at : at + unit]) >= self.config.times or _loops(text, at, unit)
            for at in range(last, -1, -max(1, last // (PROBES - 1)))
        )


def _loops(text: str, at: int, unit: int) -> bool:
    """Whether a short period (``哈哈哈``) begins at *at*; ``str.count`` does not count what overlaps."""
    again = text.find(text[at : at + unit], at + 1)
    return 0 < again - at < unit


def repeated_share(text: str, unit: int, times: int) -> tuple[float, str]:
    """Share of the characters that belong to runs of *unit* characters standing *times* times or more, and the most frequent run."""
    runs = [text[at : at + unit] for at in range(len(text) - unit + 1)]
    counts = Counter(runs)
    covered = end = 0
    for at, run in enumerate(runs):
        if counts[run] >= times and run.strip(" \n-=|_*.\t#—─"):
            covered += at + unit - max(end, at)
            end = at + unit
    return covered / len(text), counts.most_common(1)[0][0]
