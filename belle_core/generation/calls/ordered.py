"""Does jobs at the same time and hands out their results in order, so that what comes out never depends on who is fast."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any, TypeVar

J = TypeVar("J")
R = TypeVar("R")
HEARTBEAT = 0.5  # seconds between looks at whether the user wants to stop


class Background:
    """An event loop in a thread of its own, so that it works inside notebooks too."""

    def __enter__(self) -> Background:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="calls", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def submit(self, work: Coroutine[Any, Any, R]) -> Future[R]:
        """Begin *work*."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def cancel(self) -> None:
        """Break off whatever is under way; do so before what it uses is closed."""
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Do *work* and wait for it; Ctrl-C is heard meanwhile."""
        return wait(self.submit(work))


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def wait(future: Future[R], tick: Callable[[], None] = lambda: None) -> R:
    """The result of *future*; ``tick`` is called while it is not there."""
    while True:
        try:
            return future.result(timeout=HEARTBEAT)
        except NotYet:
            if future.done():
                raise
            tick()


def in_order(
    background: Background,
    jobs: Iterable[J],
    work: Callable[[J], Coroutine[Any, Any, R]],
    *,
    ahead: Callable[[], int],
    tick: Callable[[], None] = lambda: None,
) -> Iterator[tuple[J, R]]:
    """Every job with its result, in the order of *jobs*.

    ``ahead()`` says how many jobs may be under way whose results were not handed out yet (at least one is); it is asked
    again after each result, so that near the end nothing is begun that nobody needs. Jobs are taken as they are begun.
    """
    source, waiting = iter(jobs), deque[tuple[J, Future[R]]]()
    more = True
    while True:
        while more and len(waiting) < max(1, ahead()):
            try:
                job = next(source)
            except StopIteration:
                more = False
                break
            waiting.append((job, background.submit(work(job))))
        if not waiting:
            return
        job, future = waiting.popleft()
        yield job, wait(future, tick)
