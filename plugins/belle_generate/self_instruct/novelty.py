"""Whether an instruction is unlike all earlier ones: ROUGE-L above a threshold, found without comparing with each."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from sys import intern

from belle_generate.self_instruct.prefixes import PrefixTree

TOKEN = re.compile(r"[a-z0-9]+|[^\W_]")
FIRST = 64
"""Texts after which it is counted for the first time which tokens are rare; then after four times as many, and so on."""

BITS = 256


def tokens_of(text: str) -> list[str]:
    """Characters of Chinese, and words of letters and digits, without case, width and punctuation."""
    return list(map(intern, TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())))  # each is in memory once


def rouge_l(one: list[str], other: list[str]) -> float:
    """ROUGE-L's F-measure; the longest common subsequence with one addition of long integers per token (Hyyrö 2004)."""
    if not one or not other:
        return 0.0
    places: dict[str, int] = {}
    for place, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << place
    full = row = (1 << len(one)) - 1
    for token in other:
        hit = row & places.get(token, 0)
        row = ((row + hit) | (row - hit)) & full
    return 2 * (len(one) - row.bit_count()) / (len(one) + len(other))


class Novelty:
    """All instructions so far, and which of them a new one repeats."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.texts: list[str] = []
        self._tokens: list[list[str]] = []
        self._bits: list[int] = []
        """The set of each text's tokens, hashed to ``BITS`` bits."""
        self._counts: Counter[str] = Counter()
        self._tree = PrefixTree({}, threshold)
        self._rebuild_at = FIRST

    def repeated(self, text: str) -> tuple[float, str] | None:
        """The most similar earlier text with its ROUGE-L, if that is above the threshold."""
        tokens = tokens_of(text)
        scored = [(rouge_l(tokens, self._tokens[number]), -number) for number in self._candidates(tokens)]
        score, number = max(scored, default=(0.0, 0))
        return (score, self.texts[-number]) if score > self.threshold else None

    def add(self, text: str) -> None:
        """Remember *text*."""
        tokens = tokens_of(text)
        self.texts.append(text)
        self._tokens.append(tokens)
        self._bits.append(_bits(tokens))
        self._counts.update(tokens)
        if len(self.texts) < self._rebuild_at:
            self._tree.add(tokens)
            return
        self._rebuild_at *= 4
        order = sorted(self._counts, key=lambda token: (self._counts[token], token))
        self._tree = PrefixTree({token: rank for rank, token in enumerate(order)}, self.threshold)
        for earlier in self._tokens:
            self._tree.add(earlier)

    def _candidates(self, tokens: list[str]) -> Iterator[int]:
        """Earlier texts that may be similar; lengths and tokens that the other one lacks exclude most without comparing."""
        m, bits = len(tokens), _bits(tokens)
        for number in self._tree.find(tokens):
            n, other = len(self._tokens[number]), self._bits[number]
            common = min(m - (bits & ~other).bit_count(), n - (other & ~bits).bit_count())  # at most
            if 2 * common > self.threshold * (m + n):
                yield number


def _bits(tokens: list[str]) -> int:
    bits = 0
    for token in tokens:
        bits |= 1 << (hash(token) & (BITS - 1))
    return bits
