"""Which question of many stands in a text: character n-grams, weighted by how rare they are among the questions."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import log

import numpy as np

from belle_core.data.questions import normalised

SHORT, SHORT_LETTERS = 8, 24
"""Questions of fewer characters, or where most are letters, must be equal to what is asked; a word alone stands in many texts."""
LETTERS = 2
"""Times as many letters make an n-gram: three of them are in every text."""
WINDOW = 1 << 12
"""Characters of a long text that are looked at together; windows overlap by half."""
ROUNDING = 1e-9
RESERVE = 0.5
"""Share of the threshold by which more n-grams are in the index than a question may lack."""
LATIN = re.compile("[a-z\u00df-\u024f]")
LISTED = re.compile(r"(?<=[0-9])[、;；](?=[0-9])")
"""What a list of numbers may have in place of commas."""


class Questions:
    """An index that finds every question of which a share *threshold* stands in a text, in whatever order.

    In the index are the rarest n-grams of a question: those that carry together a share :data:`RESERVE` more of its weight than it may
    lack. A text that has less than that share of the weight among them cannot reach the threshold, so nothing is missed, and phrases that
    all questions have cost nothing.
    """

    def __init__(self, texts: Sequence[str], *, size: int, threshold: float) -> None:
        self.texts, self.size, self.threshold = [_plain(text) for text in texts], size, threshold
        self._equal = {text: number for number, text in reversed(list(enumerate(self.texts)))}
        self._sizes = {self._size(text) for text in self.texts}
        self._often = Counter(gram for text in self.texts for gram in self._own(text))
        self._of = lru_cache(1 << 12)(lambda number: self._own(self.texts[number]))
        self._needed = np.full(len(self.texts), np.inf)  # weight among the n-grams in the index
        index: defaultdict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(self.texts):
            if _long(text):
                for gram in self._rarest(text, number):
                    index[gram].append(number)
        self._index = {
            gram: (np.array(numbers, np.int32), self._weight(frozenset([gram]))) for gram, numbers in index.items()
        }

    def find(self, text: str) -> tuple[int, float] | None:
        """The question that stands most in *text* and which share of it, 1.0 for the same; ``None`` when none reaches the threshold."""
        plain = _plain(text)
        if (same := self._equal.get(plain)) is not None:
            return same, 1.0
        best: tuple[int, float] | None = None
        for part in _windows(plain):
            grams = frozenset().union(*(_grams(part, size) for size in self._sizes))
            for number in self._candidates(grams):
                share = self._share(number, grams)
                if share >= self.threshold - ROUNDING and (best is None or share > best[1]):
                    best = number, share
        return best

    def _candidates(self, grams: frozenset[str]) -> list[int]:
        """Questions that have enough of their rarest n-grams among *grams*, in order."""
        found = [self._index[gram] for gram in grams if gram in self._index]
        if not found:
            return []
        numbers = np.concatenate([numbers for numbers, _ in found])
        weights = np.repeat([weight for _, weight in found], [len(numbers) for numbers, _ in found])
        if len(self.texts) > 8 * len(numbers):  # few of very many questions
            those, numbers = np.unique(numbers, return_inverse=True)
        else:
            those = np.arange(len(self.texts))
        enough = np.bincount(numbers, weights, len(those)) >= self._needed[those]
        candidates: list[int] = those[enough].tolist()
        return candidates

    def _share(self, number: int, grams: frozenset[str]) -> float:
        """Which part of the question's weight is in *grams*, below 1 since the texts are not the same."""
        own = self._of(number)
        return min(0.999, self._weight(own & grams) / self._weight(own))

    def _weight(self, grams: frozenset[str]) -> float:
        return sum([log(1 + len(self.texts) / self._often[gram]) for gram in sorted(grams)])

    def _rarest(self, text: str, number: int) -> Iterator[str]:
        grams = sorted(self._own(text), key=lambda gram: (self._often[gram], gram))
        whole = self._weight(frozenset(grams))
        reserve = RESERVE * self.threshold * whole
        left = (1 - self.threshold) * whole + reserve
        for gram in grams:
            yield gram
            left -= self._weight(frozenset([gram]))
            if left < 0:
                break
        # all that is not in the index may stand in a text
        self._needed[number] = reserve - left - ROUNDING * whole

    def _size(self, text: str) -> int:
        return self.size * (LETTERS if _lettered(text) else 1)

    def _own(self, text: str) -> frozenset[str]:
        """The n-grams of a question, as long as its script asks for."""
        return _grams(text, self._size(text))


def alone(text: str) -> bool:
    """Whether a question is long enough to be looked for inside other texts."""
    return _long(_plain(text))


def _long(plain: str) -> bool:
    return len(plain) >= (SHORT_LETTERS if _lettered(plain) else SHORT)


def _grams(text: str, size: int) -> frozenset[str]:
    return frozenset([text[at : at + size] for at in range(max(1, len(text) - size + 1))])


def _lettered(text: str) -> bool:
    """Whether most of *text* are Latin letters, and hardly any are Chinese as around a piece of code."""
    wide = (len(text.encode("utf-8", "surrogatepass")) - len(text)) // 2
    return 16 * wide < len(text) < 2 * len(LATIN.findall(text))


def _plain(text: str) -> str:
    """What is compared; only for comparing, no text is changed."""
    return LISTED.sub(",", normalised(text))


def _windows(text: str) -> Iterator[str]:
    yield text[:WINDOW]
    for start in range(WINDOW // 2, len(text) - WINDOW // 2, WINDOW // 2):
        yield text[start : start + WINDOW]
