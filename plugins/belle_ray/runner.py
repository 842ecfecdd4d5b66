"""Answers messages on a Ray cluster, with Ray Data, in order.

Messages go out in windows, each a data set of its own, of which two are worked on while a third is used up here. The messages of a window
lie in the object store until all of them are answered, and an answer depends on its message alone: so when a worker dies its tasks are done
again somewhere else, and nothing is lost or there twice.
"""

from __future__ import annotations

import json
import logging
import marshal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from typing import Any

import pyarrow
import ray
import ray.data
from belle_core.data.workers import answer, made, ordered, unwrapped
from belle_ray.cluster import cluster

BLOCK = 8
"""Messages that a worker is given at once."""
BLOCKS = 4
"""Blocks of a window, by the number of workers."""
WINDOWS = 3
"""Windows that are under way."""
RETRIES = 3
"""How often a block is done again whose worker died, before it is the block's fault."""


def answers(messages: Iterator[Any], recipe: tuple[str, list[Any]], *, workers: int) -> Iterator[tuple[Any, Any]]:
    """Every message with its answer, in order, as :class:`belle_core.data.workers.Pool` would give it. *workers*: processors that work on
    it; 0: all that the cluster has."""
    with cluster(workers), ThreadPoolExecutor(WINDOWS, thread_name_prefix="belle-ray") as threads:
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        count = workers or int(ray.cluster_resources().get("CPU", 1))
        windows = iter(lambda: list(islice(messages, count * BLOCKS * BLOCK)), [])
        submit = lambda window: threads.submit(_answered, window, json.dumps(recipe), count)  # noqa: E731
        for window, done in ordered(windows, submit, ahead=WINDOWS):
            yield from zip(window, map(unwrapped, done), strict=True)


def _answered(window: list[Any], recipe: str, workers: int) -> list[Any]:
    """The answers to the messages of a window."""
    column = [marshal.dumps(message) for message in window]
    blocks = [_table("message", column[start : start + BLOCK]) for start in range(0, len(column), BLOCK)]
    data = ray.data.from_arrow_refs([ray.put(block) for block in blocks]).map_batches(
        _work,
        fn_args=(recipe,),
        batch_format="pyarrow",
        batch_size=None,
        compute=ray.data.TaskPoolStrategy(min(workers, len(blocks))),
        ray_remote_args_fn=lambda: {"max_retries": RETRIES},
    )
    return [marshal.loads(value.as_buffer()) for ref in data.to_arrow_refs() for value in ray.get(ref)["answer"]]


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
