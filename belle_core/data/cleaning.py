"""Cleaning: records go through the filters of a configuration, on all cores and in order; what is dropped is noted and why.

The result is the same for any number of workers: chunks come back in the order in which they were sent, and as many of
them are read ahead whether one process works on them or twenty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from belle_core.config import CleaningConfig
from belle_core.data.batches import Batch
from belle_core.data.chunks import LINES, Chunk, Outcome
from belle_core.data.corpus import Decided, Passing, Stored
from belle_core.data.filters import Drop, Named, build_filters
from belle_core.data.runner import outcomes
from belle_core.data.supply import Supply
from belle_core.data.writing import ExamplesWriter
from belle_core.progress import track
from belle_core.stages import StageContext

CHUNK = 128
"""Records that are worked on together."""
AHEAD = 64
"""Chunks that are read before the first one's results are used; data with fewer is not worth starting processes for."""
SMOKE = 10
"""How many times the limit of a smoke run a filter that needs all examples gets to see."""


def clean(
    supply: Supply,
    config: CleaningConfig,
    context: StageContext,
    writer: ExamplesWriter,
    *,
    held_out: bool = False,
    keys: bool = False,
) -> Iterator[Batch]:
    """What is left of *supply* after all filters of *config*, in order; *writer* takes down the rest.

    Of *held_out* data nothing is dropped: only filters that repair are applied, so that questions look as they do in training and a
    test set stays whole. ``keys`` asks for the keys of the questions. Raises ``BelleError`` for a filter that cannot be built.
    """
    filters = [f for f in build_filters(config.clean) if not held_out or getattr(f.filter, "repairs", False)]
    run = _Cleaning(filters, config, context, writer, keys, None if held_out else context.scratch / "outcomes")
    try:
        yield from run.through(supply)
    finally:
        if not held_out:
            writer.cleaned = run.report()
            writer.shingles = next((f.filter.shingles for f in filters if hasattr(f.filter, "shingles")), None)
            writer.found = {f.name: f.filter.found() for f in filters if hasattr(f.filter, "found")}


class _Cleaning:
    """One pass over the data, and what is counted on the way."""

    def __init__(
        self,
        filters: list[Named],
        config: CleaningConfig,
        context: StageContext,
        writer: ExamplesWriter,
        keys: bool,
        kept: Path | None,
    ) -> None:
        self.filters, self.config, self.context, self.writer, self.keys = filters, config, context, writer, keys
        self.kept = kept
        self.read = 0
        self.counts = {f.name: {"changed": 0, "added": 0, "dropped": 0} for f in filters}

    def through(self, supply: Supply) -> Iterator[Batch]:
        """Segment after segment: filters of single records, then those that look at many."""
        batches: Iterator[Batch] = iter(())
        for place, (records, corpora) in enumerate(segments(self.filters)):
            batches = self._records(supply, records, corpora, self.kept and self.kept / f"{place}.bin")
            for number, named in enumerate(corpora):
                batches = self._corpus(batches, named, number)
            supply = _Passed(batches, self.writer)
        return batches

    def report(self) -> dict[str, dict[str, int]]:
        """By filter: examples in, changed, added by dividing, dropped."""
        entering, report = self.read, {}
        for name, counts in self.counts.items():
            report[name] = {"in": entering, **counts}
            entering += counts["added"] - counts["dropped"]
        return report

    def _records(
        self, supply: Supply, records: list[Named], corpora: list[Named], kept: Path | None
    ) -> Iterator[Batch]:
        limit = self.context.limit
        chunks = supply.chunks(CHUNK if limit is None else min(CHUNK, limit))
        ahead = AHEAD if limit is None else 1  # a smoke run reads no more than it needs
        recipe = (supply.reader, [f.recipe for f in records], [f.recipe for f in corpora], self.keys)
        runner, workers = self.config.runner, self.config.workers
        done = outcomes(chunks, recipe, runner=runner, workers=workers, ahead=ahead, kept=kept)
        # else an error further on would leave the processes to whichever thread collects garbage, maybe one that waits for them
        for chunk, outcome in self.writer.attach(closing(done)):
            supply.taken(chunk, outcome)
            self.read += 0 if isinstance(supply, _Passed) else outcome.read
            self._note(outcome, records)
            yield outcome.kept
        supply.done()

    def _note(self, outcome: Outcome, records: list[Named]) -> None:
        """Takes down what was changed and dropped."""
        for number, count in outcome.changed.items():
            self.counts[records[number].name]["changed"] += count
        for number, count in outcome.added.items():
            self.counts[records[number].name]["added"] += count
        for number, where, id, reason, evidence in outcome.dropped:
            self._drop(where, records[number], Drop(reason, evidence), id)

    def _corpus(self, batches: Iterator[Batch], named: Named, number: int) -> Iterator[Batch]:
        scratch = self.context.scratch / "cleaning" / named.name
        decided: Decided
        if named.filter.whole:
            limit = self.context.limit
            stored = Stored(batches if limit is None else _first(batches, SMOKE * limit), number, scratch)
            size = lambda pair: len(pair[0])  # noqa: E731
            decided = track(stored.decided(named.filter.decide), total=len(stored), label=named.name, size=size)
        else:
            decided = Passing(batches, number, scratch).decided(named.filter.decide)
        for batch, decisions in decided:
            for place, decision in enumerate(decisions):
                if decision is not None:
                    self._decided(named, decision, batch.wheres[place], batch.example(place).id)
            yield batch.only([not isinstance(decision, Drop) for decision in decisions])

    def _decided(self, named: Named, decision: Any, where: str, id: str) -> None:
        if decision.note:
            self.writer.note_down(named.name, {"where": where, "id": id, **decision.note})
        if isinstance(decision, Drop):
            self._drop(where, named, decision, id)

    def _drop(self, where: str, named: Named, drop: Drop, id: str) -> None:
        self.counts[named.name]["dropped"] += 1
        self.writer.reject(where, named.reason(drop), drop.evidence, id=id)


class _Passed:
    """What one segment leaves, as the supply of the next: a batch is a chunk. What the segment says of a batch is written when the next one has
    worked on it, since how many batches are read ahead is up to the runner."""

    reader = LINES

    def __init__(self, batches: Iterator[Batch], writer: ExamplesWriter) -> None:
        self._batches, self._writer = batches, writer
        self._said: deque[list[tuple[str, bytes]]] = deque()

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Every batch that has something left. What is said before the first one is not held: it may be much, and nothing is ahead of it."""
        batches = filter(len, self._batches)
        batch, said = next(batches, None), list[tuple[str, bytes]]()
        while batch:
            self._said.append(said)
            yield Chunk(batch.origin, batch.wheres, batch.lines)
            with self._writer.held() as said:
                batch = next(batches, None)
        self._said.append(said)

    def taken(self, chunk: Chunk, outcome: Outcome) -> None:
        """Nothing is refused."""
        self._writer.release(self._said.popleft())

    def done(self) -> None:
        """Nothing was refused."""
        for said in self._said:  # behind the last batch
            self._writer.release(said)


def segments(filters: list[Named]) -> Iterator[tuple[list[Named], list[Named]]]:
    """Filters of single records and the corpus filters that follow them; after one that stores everything comes a new segment.

    There is at least one segment, since without filters records must be read too.
    """
    records: list[Named] = []
    corpora: list[Named] = []
    for named in filters:
        if corpora and (not named.corpus or corpora[-1].filter.whole):
            yield records, corpora
            records, corpora = [], []
        (corpora if named.corpus else records).append(named)
    if records or corpora or not filters:
        yield records, corpora


def _first(batches: Iterator[Batch], count: int) -> Iterator[Batch]:
    """The first *count* examples."""
    for batch in batches:
        yield batch.only([number < count for number in range(len(batch))])
        count -= len(batch)
        if count <= 0:
            return
