"""Counts what cannot be read, and says when it is too much."""

from __future__ import annotations

import sys

from belle_core.data.formats import Unreadable
from belle_core.data.places import Broken, Place
from belle_core.errors import BelleError
from belle_core.language import say

WARNINGS = 5  # files whose damage is told on the screen


class Tally:
    """Records seen and not readable, of all files behind one option."""

    def __init__(self, option: str, most: float) -> None:
        self.option, self.most = option, most
        self.seen = self.unreadable = 0
        self.first: tuple[str, str] | None = None
        """What was wrong first, in both languages."""
        self._warned: set[str] = set()

    def broken(self, item: Broken) -> str:
        """Note a record that is not JSON, or the rest of a file; returns the words for it."""
        self.seen += item.lost
        self.unreadable += item.lost
        lost = f"; the rest of the file, about {item.lost:,} records, is lost" if item.stops else ""
        lost_zh = f"；其余约 {item.lost:,} 条丢失" if item.stops else ""
        english = f"{item.why} ({item.good:,} good records before it{lost})"
        chinese = f"{item.why}（此前有 {item.good:,} 条完好{lost_zh}）"
        self._note(item.place, english, chinese)
        name = item.place.source.name
        if name not in self._warned and len(self._warned) < WARNINGS:
            self._warned.add(name)
            print(
                say(f"belle: {item.place}: {english}", f"belle：{item.place}：{chinese}"), file=sys.stderr, flush=True
            )
        return english

    def unreadable_record(self, place: Place, refusal: Unreadable) -> None:
        """Note a record that the format cannot read."""
        self.unreadable += 1
        words = f"{refusal.reason} ({refusal.evidence})" if refusal.evidence else refusal.reason
        self._note(place, words, words)

    def _note(self, place: Place, english: str, chinese: str) -> None:
        self.first = self.first or (f"{place}: {english}", f"{place}：{chinese}")

    def judge(self, *, complete: bool) -> None:
        """Raise ``BelleError`` when too much is unreadable; a smoke run that saw only a few records is not judged."""
        enough = complete or self.seen * self.most >= 1
        if self.first is None or not enough or self.unreadable <= self.most * self.seen:
            return
        share = self.unreadable / self.seen
        english, chinese = self.first
        raise BelleError(
            f"{self.option}: {self.unreadable:,} of {self.seen:,} records ({share:.2%}) cannot be read, more than "
            f"data.max_unreadable={self.most:g} allows; the first: {english}",
            f"{self.option}：{self.seen:,} 条记录中有 {self.unreadable:,} 条（{share:.2%}）无法读取，超过 "
            f"data.max_unreadable={self.most:g}；第一处：{chinese}",
        )
