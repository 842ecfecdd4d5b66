"""Which question of many stands in a text: character n-grams, weighted by how rare they are among the questions."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import log

from belle_core.data.questions import normalised

SHORT = 8
"""Questions of fewer characters must be equal to what is asked; a word alone stands in many texts."""
WINDOW = 1 << 12
"""Characters of a long text that are looked at together; windows overlap by half."""
ROUNDING = 1e-9
LISTED = re.compile(r"(?<=[0-9])[、;；](?=[0-9])")
"""What a list of numbers may have in place of commas."""


class Questions:
    """An index that finds every question of which a share *threshold* stands in a text, in whatever order.

    Only the rarest n-grams of a question are in the index: those that carry together more than ``1 - threshold`` of its weight. A
    text without any of them cannot reach the threshold, so nothing is missed and common phrases cost nothing.
    """

    def __init__(self, texts: Sequence[str], *, size: int, threshold: float) -> None:
        self.texts, self.size, self.threshold = [_plain(text) for text in texts], size, threshold
        self._equal = {text: number for number, text in reversed(list(enumerate(self.texts)))}
        self._often = Counter(gram for text in self.texts for gram in self._grams(text))
        self._of = lru_cache(1 << 12)(lambda number: self._grams(self.texts[number]))
        self._index: defaultdict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(self.texts):
            if len(text) >= SHORT:
                for gram in self._rarest(text):
                    self._index[gram].append(number)

    def find(self, text: str) -> tuple[int, float] | None:
        """The question that stands most in *text* and which share of it, 1.0 for the same; ``None`` when none reaches the threshold."""
        plain = _plain(text)
        if (same := self._equal.get(plain)) is not None:
            return same, 1.0
        best: tuple[int, float] | None = None
        for part in _windows(plain):
            grams = self._grams(part)
            for number in sorted({number for gram in grams for number in self._index.get(gram, ())}):
                share = self._share(number, grams)
                if share >= self.threshold - ROUNDING and (best is None or share > best[1]):
                    best = number, share
        return best

    def _share(self, number: int, grams: frozenset[str]) -> float:
        """Which part of the question's weight is in *grams*, below 1 since the texts are not the same."""
        own = self._of(number)
        return min(0.999, self._weight(own & grams) / self._weight(own))

    def _weight(self, grams: frozenset[str]) -> float:
        return sum([log(1 + len(self.texts) / self._often[gram]) for gram in sorted(grams)])

    def _rarest(self, text: str) -> Iterator[str]:
        grams = sorted(self._grams(text), key=lambda gram: (self._often[gram], gram))
        left = (1 - self.threshold) * self._weight(frozenset(grams)) + ROUNDING
        for gram in grams:
            yield gram
            left -= self._weight(frozenset([gram]))
            if left < 0:
                return

    def _grams(self, text: str) -> frozenset[str]:
        return frozenset([text[at : at + self.size] for at in range(max(1, len(text) - self.size + 1))])


def _plain(text: str) -> str:
    """What is compared; only for comparing, no text is changed."""
    return LISTED.sub(",", normalised(text))


def _windows(text: str) -> Iterator[str]:
    yield text[:WINDOW]
    for start in range(WINDOW // 2, len(text) - WINDOW // 2, WINDOW // 2):
        yield text[start : start + WINDOW]
