"""Runs the work on chunks: in this process while they are few, in several when there are many; outcomes come back in order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from belle_core.data.chunks import Chunk, Outcome, Work
from belle_core.data.workers import Pool, ordered


def outcomes(
    chunks: Iterator[Chunk], recipe: tuple[Any, ...], *, workers: int, ahead: int
) -> Iterator[tuple[Chunk, Outcome]]:
    """Every chunk with its outcome. *recipe*: the arguments of :class:`Work`; *ahead*: chunks that are read before the first one's
    outcome is used, with any number of *workers*. Fewer are not worth starting processes for."""
    head = list(islice(chunks, ahead))
    chunks = chain(head, chunks)
    if workers == 1 or len(head) < ahead or ahead == 1:
        work = Work(*recipe)
        yield from ordered(chunks, lambda chunk: _Later(work, chunk), ahead=ahead)
        return
    pool = Pool(("belle_core.data.chunks:answering", list(recipe)), workers)
    try:
        for chunk, answer in ordered(chunks, lambda chunk: pool.submit(tuple(chunk)), ahead=ahead):
            yield chunk, Outcome.of(answer)
    finally:
        pool.close()


class _Later:
    """Does the work in this process, and not before it is asked for the answer."""

    def __init__(self, work: Work, chunk: Chunk) -> None:
        self._work, self._chunk = work, chunk

    def result(self) -> Outcome:
        """The outcome."""
        return self._work(self._chunk)
