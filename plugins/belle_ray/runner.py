"""Answers messages on a Ray cluster, with Ray Data, in order.

Messages go out in windows, each a data set of its own, of which two are worked on while a third is used up here. The messages of a window
lie in the object store until all of them are answered, and an answer depends on its message alone: so when a worker dies its tasks are done
again somewhere else, and nothing is lost or there twice.
"""

from __future__ import annotations

import json
import logging
import marshal
import warnings
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from typing import Any

import pyarrow
import ray
import ray.data
from ray.exceptions import RayError

from belle_core.data.workers import answer, made, ordered, unwrapped
from belle_core.errors import BelleError
from belle_ray.cluster import cluster

BLOCK = 32
"""Messages that a worker is given at once; fewer cost this process more than the work."""
WINDOWS = 3
"""Windows that are under way."""
RETRIES = 7
"""How often a block is done again whose worker died, before it is the block's own fault."""


def answers(
    messages: Iterator[tuple[Any, ...]], recipe: tuple[str, list[Any]], *, workers: int, ahead: int
) -> Generator[tuple[tuple[Any, ...], Any]]:
    """Every message with its answer, in order: a :class:`belle_core.data.runner.Runner`. A window is longer than *ahead* where the
    cluster has many processors."""
    with cluster(workers) as count, ThreadPoolExecutor(WINDOWS, thread_name_prefix="belle-ray") as threads:
        _settle()
        size = max(ahead, count * BLOCK)
        windows = iter(lambda: list(islice(messages, size)), [])
        submit = lambda window: threads.submit(_answered, window, json.dumps(recipe), count)  # noqa: E731
        for window, done in ordered(windows, submit, ahead=WINDOWS):
            yield from zip(window, map(unwrapped, done), strict=True)


def _settle() -> None:
    """Blocks come back in order, and Ray Data does not speak of its plans."""
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", ".*ray_remote_args")  # ``max_retries`` goes in Ray 2.64


def _answered(window: list[tuple[Any, ...]], recipe: str, workers: int) -> list[Any]:
    """The answers to the messages of a window."""
    column = [marshal.dumps(message) for message in window]
    blocks = [_table("message", column[start : start + BLOCK]) for start in range(0, len(column), BLOCK)]
    data = ray.data.from_arrow_refs([ray.put(block) for block in blocks]).map_batches(
        _work,
        fn_args=(recipe,),
        batch_format="pyarrow",
        batch_size=None,
        compute=ray.data.TaskPoolStrategy(min(workers, len(blocks))),
        max_retries=RETRIES,
    )
    try:
        tables = ray.get(data.to_arrow_refs())
    except RayError as error:
        raise BelleError(
            f"runner=ray: a worker died {RETRIES + 1} times at the same records ({type(error).__name__}); it may have run out of memory",
            f"runner=ray：工作进程在同一批记录上终止了 {RETRIES + 1} 次（{type(error).__name__}）；可能是内存不足",
        ) from error
    return [marshal.loads(value.as_buffer()) for table in tables for value in table["answer"]]


def _work(table: pyarrow.Table, recipe: str) -> pyarrow.Table:
    """In a worker process."""
    return _table(
        "answer",
        [marshal.dumps(answer(lambda: _function(recipe), marshal.loads(m.as_buffer()))) for m in table["message"]],
    )


@lru_cache(1)
def _function(recipe: str) -> Any:
    return made(*json.loads(recipe))


def _table(name: str, values: list[bytes]) -> pyarrow.Table:
    return pyarrow.table({name: pyarrow.array(values, pyarrow.large_binary())})
