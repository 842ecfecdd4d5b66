"""Finds the texts that share enough with a new one, by their rarest tokens; exact: nothing similar is missed.

ROUGE-L's F of texts of m and n tokens with a longest common subsequence of L tokens is ``2 L / (m + n)``. For F ≥ t, n is at
least ``m t / (2 - t)``, and so L at least ``o = t (m + n) / 2`` for that n. Order the tokens of a text by how rare they are.
Then the k rarest of the L common ones stand among the ``m - o + k`` rarest of the text, for every k, and they stand so in
both texts (prefix filtering, Chaudhuri et al. 2006). The tree is entered by the rarest common token; a node that holds many texts is
split by the second, and so on, with whether it stands before or behind the one above: a subsequence keeps the order.
So lists stay short where texts become many, which keeps the time per text from growing much with their number.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from math import ceil

TINY = 1e-9  # against rounding
FULL = 160
"""Texts in a node that make it split."""
ROOM = 100
"""Entries that a text has on average, above which no node is split: long texts of common tokens have very many paths."""
DEPTH = 6
"""Tokens of the longest path."""
SPARE, REPEATS = 40, 8
"""A text with more rarest tokens than that to choose from, or more repetitions among them, is compared with all of like length: paths multiply."""
PLACES = 16
"""Bits of a place in an entry."""


class PrefixTree:
    """Texts by their rarest tokens. ``ranks`` orders tokens, unknown ones come first; it must stay the same."""

    def __init__(self, ranks: dict[str, int], threshold: float) -> None:
        self.ranks, self.threshold = ranks, threshold
        self._nodes: dict[int, array[int]] = {}
        """By the hash of the path: numbers of texts, each with the place (by rank) of its last token on the path."""
        self._split: set[int] = set()
        """Nodes that keep only texts which may have no further token in common with a similar one."""
        self._texts: list[_Ordered] = []
        self._entries = 0
        self._lengths: dict[int, list[int]] = {}
        self._apart: dict[int, list[int]] = {}
        """Numbers of all texts, and of the tangled ones, by length."""

    def add(self, tokens: list[str]) -> None:
        """Enter a text; it gets the next number."""
        number = len(self._texts)
        self._texts.append(self._order(tokens))
        self._lengths.setdefault(len(tokens), []).append(number)
        if self._texts[-1].tangled:
            self._apart.setdefault(len(tokens), []).append(number)
        else:
            self._enter(number, 0, 0, -1)

    def find(self, tokens: list[str]) -> set[int]:
        """Numbers of all texts whose ROUGE-L with *tokens* can reach the threshold, and of some others."""
        text, shortest = self._order(tokens), ceil(len(tokens) * self.threshold / (2 - self.threshold) - TINY)
        compared = self._lengths if text.tangled else self._apart
        longest = int(len(tokens) * (2 - self.threshold) / self.threshold + TINY)
        found = {number for length in range(shortest, longest + 1) for number in compared.get(length, ())}
        if text.tangled:
            return found
        waiting = [(0, 0, -1)]
        while waiting:
            node, depth, last = waiting.pop()
            for path, place in text.longer(node, depth, last):
                found.update([entry >> PLACES for entry in self._nodes.get(path, ())])
                if path in self._split:
                    waiting.append((path, depth + 1, place))
        return found

    def _enter(self, number: int, node: int, depth: int, last: int) -> None:
        """Into all nodes below *node*, which lies *depth* tokens deep."""
        text = self._texts[number]
        for path, place in text.longer(node, depth, last):
            if path in self._split and text.least > depth + 1:
                self._enter(number, path, depth + 1, place)
                continue
            if (entries := self._nodes.get(path)) is None:
                entries = self._nodes[path] = array("Q")
            entries.append(number << PLACES | place)
            self._entries += 1
            full = len(entries) > FULL and self._entries < ROOM * len(self._texts)
            if full and path not in self._split and depth + 1 < DEPTH:
                self._divide(path, depth + 1, entries)

    def _divide(self, path: int, depth: int, entries: array[int]) -> None:
        self._split.add(path)
        self._nodes[path] = array("Q", [e for e in entries if self._texts[e >> PLACES].least <= depth])
        self._entries -= len(entries) - len(self._nodes[path])
        for entry in entries:
            if self._texts[entry >> PLACES].least > depth:
                self._enter(entry >> PLACES, path, depth, entry & ((1 << PLACES) - 1))

    def _order(self, tokens: list[str]) -> _Ordered:
        t, m = self.threshold, len(tokens)
        places = sorted(range(m), key=lambda place: (self.ranks.get(tokens[place], -1), tokens[place], place))
        n = ceil(m * t / (2 - t) - TINY)
        least = ceil(t * (m + n) / 2 - TINY)
        places = places[: m - least + DEPTH]
        return _Ordered([tokens[place] for place in places], places, m - least, least)


class _Ordered:
    """The rarest tokens of a text, and how far along them a path of a given length may go."""

    __slots__ = ("least", "places", "spare", "tokens")

    def __init__(self, tokens: list[str], places: list[int], spare: int, least: int) -> None:
        self.tokens, self.places, self.spare, self.least = tokens, places, spare, least

    @property
    def tangled(self) -> bool:
        """Whether it has too many paths."""
        return self.spare > SPARE or len(self.tokens) - len(set(self.tokens)) > REPEATS

    def longer(self, path: int, depth: int, last: int) -> Iterator[tuple[int, int]]:
        """*path*, of *depth* tokens of which the last is the *last* by rank, with every token that may follow."""
        for place in range(last + 1, min(self.spare + depth + 1, len(self.tokens))):
            behind = depth > 0 and self.places[place] > self.places[last]
            yield hash((path, self.tokens[place], behind)), place
