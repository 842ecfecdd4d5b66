"""What cleaning will leave and how long it will take, from some examples that are really cleaned."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from belle_core.config import CleaningConfig
from belle_core.conversation import Example
from belle_core.data.batches import Batch
from belle_core.data.chunks import LINES, Chunk, Outcome, Work
from belle_core.data.cleaning import AHEAD, CHUNK
from belle_core.data.corpus import Stored
from belle_core.data.filters import Named, build_filters
from belle_core.data.runner import LOCAL
from belle_core.data.storage import line_of
from belle_core.data.workers import cores
from belle_core.language import say

READING, PER_BYTE = 40e-6, 1e-8
"""Seconds that an example and a byte of it cost beside its filters: reading and writing, in the one process that does it (docs/scale.md)."""

FEW, MORE = 8, 40
"""Examples on which a model is tried."""


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
    """By the clock, for each example before; ``None`` where it is not known."""
    untimed: str
    """Why it is not, in the user's language: models that were not tried, or work that is done elsewhere."""
    undecided: list[str]
    """Filters that look at many examples, of which nothing can be known from a few."""


def outlook(examples: Sequence[Example], config: CleaningConfig, *, total: int, measure: bool = False) -> Outlook:
    """For *total* examples like these; ``measure``: try the models of filters as well, which loads them."""
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
    batch = max(first.kept, second.kept, key=len)
    asked = {
        f.name: _asked(f, number, batch) if measure else None
        for number, f in enumerate(corpora)
        if getattr(f.filter, "asks_a_model", False)
    }
    untimed = _why_untimed(config.runner, [name for name, time in asked.items() if time is None])
    share = kept / max(len(examples), 1)
    workers = (config.workers or cores()) if total >= AHEAD * CHUNK else 1
    return Outlook(
        kept=share,
        characters=mean(first.kept.characters, second.kept.characters),
        bytes=size,
        seconds=None
        if untimed
        else taken / workers + READING + size * PER_BYTE + share * sum(filter(None, asked.values())),
        untimed=untimed,
        undecided=[f.name for f in corpora],
    )


def _done(work: Work, examples: Sequence[Example]) -> Outcome:
    return work(Chunk(None, [example.id for example in examples], list(map(line_of, examples))))


def _asked(named: Named, number: int, batch: Batch) -> float | None:
    """Seconds that a filter with a model takes for an example: what ``MORE`` take beyond ``FEW``, so loading is no part of it."""
    count = min(MORE, len(batch))
    if count <= FEW:
        return None

    def taken(count: int) -> float:
        with TemporaryDirectory() as folder:
            some = batch.only([place < count for place in range(len(batch))])
            stored = Stored([some], number, Path(folder) / named.name)
            started = time.perf_counter()
            deque(named.filter.decide(stored), maxlen=0)
            return time.perf_counter() - started

    taken(FEW)  # imports, and weights that come from the disk for the first time
    return max(taken(count) - taken(FEW), 0.0) / (count - FEW)


def _why_untimed(runner: str, names: list[str]) -> str:
    if runner != LOCAL:
        return say(f"cleaning is done elsewhere (data.runner={runner})", f"清洗在别处进行（data.runner={runner}）")
    if not names:
        return ""
    asks = say("asks a model; --measure tries it on some examples", "需要调用模型；--measure 会在部分样本上实测")
    return f"{', '.join(names)} {asks}"
