"""Worker processes: each builds one function from a recipe and answers messages in order of arrival.

They are plain child processes that speak over pipes, so nothing of the caller's program is imported or forked. A worker ends
when its input ends, so none is left behind, however the parent ends.
"""

from __future__ import annotations

import gc
import json
import marshal
import os
import signal
import struct
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pkgutil import resolve_name
from queue import SimpleQueue
from threading import Lock
from typing import IO, Any, Protocol, TypeVar

from belle_core.errors import BelleError
from belle_core.stopping import stops

Item = TypeVar("Item")
HEADER = struct.Struct("<Q")
DEPTH = 2
"""Messages that a process has at once: the one it works on and the next."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """Processes that all run the function that ``recipe`` (``module:function`` and plain arguments) makes."""

    def __init__(self, recipe: tuple[str, list[Any]], workers: int) -> None:
        self._workers = [_Worker(recipe) for _ in range(workers)]
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        for worker in DEPTH * self._workers:
            self._free.put(worker)
        self._threads = ThreadPoolExecutor(DEPTH * workers, thread_name_prefix="belle-worker")

    def submit(self, message: Any) -> Future[Any]:
        """The answer to *message*, in the future; both are values that :mod:`marshal` knows."""
        return self._threads.submit(self._ask, message)

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self.processes():
            process.kill()
        self._threads.shutdown(wait=True)
        for process in self.processes():  # one that was being started meanwhile ends with its input
            process.kill()
            with suppress(OSError):
                process.communicate()

    def processes(self) -> list[subprocess.Popen[bytes]]:
        """Those that were started."""
        return [worker.process for worker in self._workers if worker.process]

    def _ask(self, message: Any) -> Any:
        worker = self._free.get()
        try:
            return unwrapped(worker.ask(message))
        finally:
            self._free.put(worker)


class _Worker:
    """A process, started with its first message; of several threads that ask, one waits for its answer and the next has sent its message
    already, so that the process never waits for one."""

    def __init__(self, recipe: tuple[str, list[Any]]) -> None:
        self._recipe = recipe
        self._sending, self._receiving = Lock(), Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, message: Any) -> tuple[str, Any]:
        """What :func:`answer` says there; raises ``BelleError`` when the process has ended."""
        try:
            with self._sending:
                process = self.process = self.process or self._start()
                send(process.stdin, message)
                self._receiving.acquire()  # before the next message is sent: answers come in the same order
            try:
                return receive(process.stdout)
            finally:
                self._receiving.release()
        except (OSError, EOFError) as error:
            raise _ended(self.process.wait() if self.process else 0) from error

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-c", "from belle_core.data.workers import serve; serve()"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert process.stdin is not None
        process.stdin.write(json.dumps(self._recipe).encode() + b"\n")
        return process


def _ended(code: int) -> BelleError:
    """What to say of a worker process that ended with *code* before its work was done."""
    how = signal.Signals(-code).name if code < 0 else f"status {code}"
    return BelleError(
        f"a worker process ended with {how}; if memory ran out, say data.workers=<fewer>. The same command goes on from here",
        f"一个工作进程以 {how} 结束；如果是内存不足，请写 data.workers=<更少>。重复同一命令即可继续",
    )


class Answer(Protocol):
    """Of a ``Future`` what is needed here."""

    def result(self) -> Any:
        """The answer, when it is there; raises what went wrong."""


def ordered(items: Iterable[Item], submit: Callable[[Item], Answer], *, ahead: int) -> Generator[tuple[Item, Any]]:
    """Every item with its answer, in order; at most *ahead* items are read before the answer to the first."""
    waiting: deque[tuple[Item, Answer]] = deque()
    for item in items:
        waiting.append((item, submit(item)))
        if len(waiting) >= ahead:
            first, answer = waiting.popleft()
            yield first, answer.result()
    while waiting:
        first, answer = waiting.popleft()
        yield first, answer.result()


def serve() -> None:
    """What a worker process does."""
    for number in stops():
        signal.signal(number, signal.SIG_IGN)  # these reach all processes of a group; the parent ends this one
    gc.set_threshold(50_000)  # a chunk makes thousands of objects, and all go with it
    source, target = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # a filter that prints must not disturb the conversation
    head = source.readline()
    if not head:
        return
    function = cache(lambda: made(*json.loads(head)))
    with suppress(EOFError, BrokenPipeError):
        while True:
            send(target, answer(function, receive(source)))


def answer(function: Callable[[], Callable[[Any], Any]], message: Any) -> tuple[str, Any]:
    """What the function says that *function* makes, or what went wrong, as plain values; :func:`unwrapped` is the inverse."""
    try:
        return "done", function()(message)
    except BelleError as error:
        return "error", (error.english, error.chinese)
    except MemoryError:
        return "error", ("a worker process ran out of memory", "工作进程内存不足")
    except Exception:
        return "bug", traceback.format_exc()


def made(path: str, arguments: list[Any]) -> Callable[[Any], Any]:
    """The function that a recipe makes."""
    function: Callable[[Any], Any] = resolve_name(path)(*arguments)
    return function


def unwrapped(answer: tuple[str, Any]) -> Any:
    """What was answered; raises ``BelleError``, or ``RuntimeError`` with the traceback, for what went wrong."""
    kind, value = answer
    if kind == "error":
        raise BelleError(*value)
    if kind == "bug":
        raise RuntimeError(f"in a worker process:\n{value}")
    return value


def send(pipe: IO[bytes] | None, message: Any) -> None:
    """Write *message*, a value that :mod:`marshal` knows, to be read by :func:`receive`."""
    assert pipe is not None
    data = marshal.dumps(message)  # both ends are the same Python, and nobody else writes there
    pipe.write(HEADER.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes] | None) -> Any:
    """The next message; raises ``EOFError`` when there is none."""
    assert pipe is not None
    header = pipe.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    (size,) = HEADER.unpack(header)
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return marshal.loads(data)
