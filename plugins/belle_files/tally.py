"""Counts what cannot be read, and says when it is too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from belle_core.data.chunks import Chunk, Outcome
from belle_core.data.troubles import in_chinese
from belle_core.errors import BelleError
from belle_core.notices import tell

WARNINGS = 5  # files whose damage is told on the screen


class Tally:
    """Records seen and not readable, of all files behind one option."""

    def __init__(self, option: str, most: float) -> None:
        self.option, self.most = option, most
        self.seen = self.unreadable = 0
        self.first: tuple[str, str] | None = None
        """What was wrong first, in both languages."""
        self._good: Counter[str] = Counter()
        self._warned: set[str] = set()

    def judged(self, chunk: Chunk, outcome: Outcome) -> Iterator[tuple[str, str, str]]:
        """Counts the records of a chunk; where, reason and evidence of every refusal."""
        file, damaged = chunk.origin[0], 0
        before = self._good[file]
        for number, where, kind, reason, evidence in outcome.refused:
            if kind == "damaged":
                record = chunk.records[number]
                lost, stops = record[2:] if isinstance(record, tuple) else (1, False)
                evidence = self._damaged(file, where, evidence, before + number - damaged, lost if stops else 0)
                self.seen += lost
                self.unreadable += lost
                damaged += 1
            elif kind == "unreadable":
                self.unreadable += 1
                words = [f"{reason} ({why})" if why else reason for why in (evidence, in_chinese(evidence))]
                self._note(where, *words)
            yield where, reason, evidence
        self.seen += len(chunk.records) - damaged
        self._good[file] += len(chunk.records) - damaged

    def _damaged(self, file: str, where: str, why: str, good: int, lost: int) -> str:
        """Note a record that is none, with which *lost* others may be gone; returns the words for it."""
        more = f"; the rest of the file, about {lost:,} records, is lost" if lost else ""
        more_zh = f"；其余约 {lost:,} 条丢失" if lost else ""
        english = f"{why} ({good:,} good records before it{more})"
        chinese = f"{in_chinese(why)}（此前有 {good:,} 条完好{more_zh}）"
        self._note(where, english, chinese)
        if file not in self._warned and len(self._warned) < WARNINGS:
            self._warned.add(file)
            tell(f"{where}: {english}", f"{where}：{chinese}")
        return english

    def _note(self, where: str, english: str, chinese: str) -> None:
        self.first = self.first or (f"{where}: {english}", f"{where}：{chinese}")

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
