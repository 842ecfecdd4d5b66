"""Cleaning: examples go through the filters of a configuration, on all cores and in order; what is dropped is noted and why.

The result is the same for any number of workers: chunks come back in the order in which they were sent, and as many of
them are read ahead whether one process works on them or twenty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from typing import Any

from belle_core.config import CleaningConfig
from belle_core.conversation import Example
from belle_core.data.chunks import Chain, Kept, Outcome
from belle_core.data.corpus import Passing, Placed, Stored
from belle_core.data.filters import Drop, Named, build_filters
from belle_core.data.storage import ExamplesWriter, line_of
from belle_core.data.workers import Pool, cores, ordered
from belle_core.stages import StageContext

CHUNK = 128
"""Examples that are filtered together."""
CHARACTERS = 1 << 17
"""Length of lines at which a chunk ends before it has so many examples."""
AHEAD = 64
"""Chunks that are read before the first one's results are used; data with fewer is not worth starting processes for."""
SMOKE = 10
"""How many times the limit of a smoke run a filter that needs all examples gets to see."""


def clean(
    examples: Iterable[tuple[Any, Example]],
    config: CleaningConfig,
    context: StageContext,
    writer: ExamplesWriter,
    *,
    held_out: bool = False,
) -> Iterator[tuple[Any, Kept]]:
    """What is left of *examples* after all filters of *config*, in order; *writer* takes down the rest.

    Each example comes with where it stood, and so does what becomes of it. Of *held_out* data nothing is dropped: only filters
    that repair are applied, so that questions look as they do in training and a test set stays whole.
    Raises ``BelleError`` for a filter that cannot be built.
    """
    filters = [f for f in build_filters(config.clean) if not held_out or getattr(f.filter, "repairs", False)]
    run = _Cleaning(filters, context, writer, config.workers or cores())
    try:
        yield from run.through(((place, Kept(example, line_of(example))) for place, example in examples))
    finally:
        if not held_out:
            writer.cleaned = run.report()
            writer.shingles = next((f.filter.shingles for f in filters if hasattr(f.filter, "shingles")), None)
            writer.found = {f.name: f.filter.found() for f in filters if hasattr(f.filter, "found")}


class _Cleaning:
    """One pass over the data, and what is counted on the way."""

    def __init__(self, filters: list[Named], context: StageContext, writer: ExamplesWriter, workers: int) -> None:
        self.filters, self.context, self.writer, self.workers = filters, context, writer, workers
        self.seen = 0
        self.counts = {f.name: {"changed": 0, "added": 0, "dropped": 0} for f in filters}

    def through(self, items: Iterator[Placed]) -> Iterator[Placed]:
        """Segment after segment: filters of single records, then those that look at many."""
        items = self._counted(items)
        for records, corpora in segments(self.filters):
            items = self._records(items, records, corpora)
            for number, named in enumerate(corpora):
                items = self._corpus(items, named, number)
        return items

    def report(self) -> dict[str, dict[str, int]]:
        """By filter: examples in, changed, added by dividing, dropped."""
        entering, report = self.seen, {}
        for name, counts in self.counts.items():
            report[name] = {"in": entering, **counts}
            entering += counts["added"] - counts["dropped"]
        return report

    def _counted(self, items: Iterator[Placed]) -> Iterator[Placed]:
        for item in items:
            self.seen += 1
            yield item

    def _records(self, items: Iterator[Placed], records: list[Named], corpora: list[Named]) -> Iterator[Placed]:
        limit = self.context.limit
        chunks = _chunks(items, CHUNK if limit is None else min(CHUNK, limit))
        ahead = AHEAD if limit is None else 1  # a smoke run reads no more than it needs
        head = list(islice(chunks, ahead))
        many = len(head) == ahead > 1 and self.workers > 1
        work = self._pool(records, corpora) if many else _Here(records, corpora)
        with closing(work):
            lines = lambda chunk: work.submit([kept.line for _, kept in chunk])  # noqa: E731
            for chunk, answer in ordered(chain(head, chunks), lines, ahead=ahead):
                yield from self._used(chunk, Outcome.of(answer), records)

    def _pool(self, records: list[Named], corpora: list[Named]) -> Pool:
        recipes = [[named.recipe for named in part] for part in (records, corpora)]
        return Pool(("belle_core.data.chunks:chain_in_worker", recipes), self.workers)

    def _used(self, chunk: list[Placed], outcome: Outcome, records: list[Named]) -> Iterator[Placed]:
        """Takes down what was dropped and passes on what was kept."""
        for number, count in outcome.changed.items():
            self.counts[records[number].name]["changed"] += count
        for number, count in outcome.added.items():
            self.counts[records[number].name]["added"] += count
        for place, number, id, reason, evidence in outcome.dropped:
            self._drop(chunk[place][0], records[number], Drop(reason, evidence), id)
        for place, line, record, characters, summaries in outcome.kept:
            yield chunk[place][0], Kept(None, line, record, characters, summaries)

    def _corpus(self, items: Iterator[Placed], named: Named, number: int) -> Iterator[Placed]:
        scratch = self.context.scratch / "cleaning" / named.name
        corpus: Passing | Stored
        if named.filter.whole:
            limit = self.context.limit
            corpus = Stored(items if limit is None else islice(items, SMOKE * limit), number, scratch)
        else:
            corpus = Passing(items, number, scratch)
        for (place, kept), decision in corpus.decided(named.filter.decide):
            if decision is not None and decision.note:
                self.writer.note_down(named.name, {"where": str(place), "id": kept.example.id, **decision.note})
            if isinstance(decision, Drop):
                self._drop(place, named, decision, kept.example.id)
            else:
                yield place, kept

    def _drop(self, place: Any, named: Named, drop: Drop, id: str) -> None:
        self.counts[named.name]["dropped"] += 1
        self.writer.reject(str(place), named.reason(drop), drop.evidence, id=id)


class _Here:
    """Does what a pool does, in this process and not before it is asked for the answer."""

    def __init__(self, records: list[Named], corpora: list[Named]) -> None:
        self._chain = Chain([named.filter for named in records], [named.filter for named in corpora])

    def submit(self, lines: list[str]) -> _Later:
        """The answer to come."""
        return _Later(self._chain, lines)

    def close(self) -> None:
        """Nothing is left behind."""


class _Later:
    """The part of ``Future`` that is needed."""

    def __init__(self, chain: Chain, lines: list[str]) -> None:
        self._chain, self._lines = chain, lines

    def result(self) -> tuple[Any, ...]:
        """The answer."""
        return self._chain(self._lines).plain()


def segments(filters: list[Named]) -> Iterator[tuple[list[Named], list[Named]]]:
    """Filters of single records and the corpus filters that follow them; after one that stores everything comes a new segment."""
    records: list[Named] = []
    corpora: list[Named] = []
    for named in filters:
        if corpora and (not named.corpus or corpora[-1].filter.whole):
            yield records, corpora
            records, corpora = [], []
        (corpora if named.corpus else records).append(named)
    if records or corpora:
        yield records, corpora


def _chunks(items: Iterator[Placed], size: int) -> Iterator[list[Placed]]:
    """*items* in lists of *size*; shorter where lines are long."""
    chunk: list[Placed] = []
    characters = 0
    for item in items:
        chunk.append(item)
        characters += len(item[1].line)
        if len(chunk) >= size or characters >= CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
