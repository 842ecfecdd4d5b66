"""Runs the work on chunks: in this process while they are few, in several or on a cluster when there are many; in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

from belle_core.data.chunks import Chunk, Outcome, Work, answering
from belle_core.data.resuming import Packed, resumed
from belle_core.data.workers import Pool, cores, ordered
from belle_core.names import unknown
from belle_core.plugins import load_catalog

LOCAL = "local"
"""The runner that is always there: processes of this machine."""
Message = tuple[Any, ...]


class Runner(Protocol):
    """A part of kind ``runner``: gives every message, in order, with what the function says of it that *recipe* makes in any process
    (``module:function`` and plain arguments). Messages and answers are values that :mod:`marshal` knows."""

    def __call__(
        self, messages: Iterator[Message], recipe: tuple[str, list[Any]], *, workers: int, ahead: int
    ) -> Generator[tuple[Message, Any]]:
        """*workers*: processes, 0: as many as make sense; *ahead*: messages that may at least be read before the first answer is used.
        Raises what :func:`belle_core.data.workers.unwrapped` does; ends what it started when it is closed."""


def outcomes(
    chunks: Iterator[Chunk], recipe: tuple[Any, ...], *, runner: str, workers: int, ahead: int, kept: Path | None = None
) -> Generator[tuple[Chunk, Outcome]]:
    """Every chunk with its outcome. *recipe*: the arguments of :class:`Work`; *ahead*: chunks that are read before the first one's
    outcome is used, with any runner. Fewer are not worth starting processes for, nor noting in the file *kept*, from which a run that is
    broken off goes on. Raises ``BelleError`` for an unknown runner."""
    run = runner_of(runner)
    head = list(islice(chunks, ahead))
    chunks = chain(head, chunks)
    if len(head) < ahead or ahead == 1:
        yield from _here(chunks, Work(*recipe), ahead)
        return

    def work(chunks: Iterator[Chunk]) -> Packed:
        if runner == LOCAL and (workers or cores()) == 1:
            return _here(chunks, answering(*recipe), ahead)
        return _elsewhere(run, chunks, recipe, workers, ahead)

    with closing(resumed(chunks, recipe, work, path=kept, ahead=ahead) if kept else work(chunks)) as done:
        for chunk, entry in done:
            yield chunk, Outcome.unpacked(entry)


def _here(chunks: Iterator[Chunk], work: Callable[[Chunk], Any], ahead: int) -> Generator[tuple[Chunk, Any]]:
    return ordered(chunks, lambda chunk: _Later(work, chunk), ahead=ahead)


def _elsewhere(run: Runner, chunks: Iterator[Chunk], recipe: tuple[Any, ...], workers: int, ahead: int) -> Packed:
    function = ("belle_core.data.chunks:answering", list(recipe))
    with closing(run(map(tuple, chunks), function, workers=workers, ahead=ahead)) as answers:
        for message, answer in answers:
            yield Chunk(*message), answer


def runner_of(name: str) -> Runner:
    """The runner of that name; raises ``BelleError`` with the nearest right one."""
    catalog = load_catalog()
    if name == LOCAL:
        return processes
    if ("runner", name) not in catalog.parts:
        raise unknown("runner", name, [LOCAL, *catalog.names("runner")], typed=f"data.runner={name}")
    run: Runner = catalog.part("runner", name).load()
    return run


def processes(
    messages: Iterator[Message], recipe: tuple[str, list[Any]], *, workers: int, ahead: int
) -> Generator[tuple[Message, Any]]:
    """The runner of this machine."""
    with closing(Pool(recipe, workers or cores())) as pool:
        yield from ordered(messages, pool.submit, ahead=ahead)


class _Later:
    """Does the work in this process, and not before it is asked for the answer."""

    def __init__(self, work: Callable[[Chunk], Any], chunk: Chunk) -> None:
        self._work, self._chunk = work, chunk

    def result(self) -> Any:
        """The outcome."""
        return self._work(self._chunk)
