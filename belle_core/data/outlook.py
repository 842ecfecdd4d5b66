"""What cleaning will leave and how long it will take, from some examples that are really cleaned."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from belle_core.config import CleaningConfig
from belle_core.conversation import Example
from belle_core.data.chunks import LINES, Chunk, Outcome, Work
from belle_core.data.cleaning import AHEAD, CHUNK
from belle_core.data.filters import build_filters
from belle_core.data.runner import LOCAL
from belle_core.data.storage import line_of
from belle_core.data.workers import cores

READING, PER_BYTE = 40e-6, 1e-8
"""Seconds that an example and a byte of it cost beside its filters: reading and writing, in the one process that does it (docs/scale.md)."""


@dataclass(frozen=True)
class Outlook:
    """Shares and means over the examples that were tried."""

    kept: float
    """Examples after the filters of single records, for each before."""
    characters: float
    """Of the text of a kept example."""
    bytes: float
    """Of its line."""
    seconds: float | None
    """By the clock, for each example before; ``None`` where models are asked or the work is done elsewhere."""
    undecided: list[str]
    """Filters that look at many examples, of which nothing can be known from a few."""


def outlook(examples: Sequence[Example], config: CleaningConfig, *, total: int) -> Outlook:
    """For *total* examples like these."""
    filters = build_filters(config.clean)
    records, corpora = [f for f in filters if not f.corpus], [f for f in filters if f.corpus]
    work = Work(LINES, [f.recipe for f in records], [f.recipe for f in corpora], False)
    half = len(examples) // 2
    first = _done(work, examples[:half])  # what is loaded with the first ones is no part of the time
    started = time.process_time()
    second = _done(work, examples[half:])
    taken = (time.process_time() - started) / max(len(examples) - half, 1)
    kept = len(first.kept) + len(second.kept)
    mean = lambda one, other: (sum(one) + sum(other)) / max(kept, 1)  # noqa: E731
    size = mean(map(len, first.kept.lines), map(len, second.kept.lines))
    known = config.runner == LOCAL and not any(getattr(f.filter, "asks_a_model", False) for f in corpora)
    workers = (config.workers or cores()) if total >= AHEAD * CHUNK else 1
    return Outlook(
        kept=kept / max(len(examples), 1),
        characters=mean(first.kept.characters, second.kept.characters),
        bytes=size,
        seconds=taken / workers + READING + size * PER_BYTE if known else None,
        undecided=[f.name for f in corpora],
    )


def _done(work: Work, examples: Sequence[Example]) -> Outcome:
    return work(Chunk(None, [example.id for example in examples], list(map(line_of, examples))))
