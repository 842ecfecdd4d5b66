"""A Ray cluster to work on: one that is there, or one of this machine for as long as it is needed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ray
from ray._private import ray_constants

from belle_core.data.workers import cores
from belle_core.errors import BelleError, in_one_line

STORE = 512 << 20
"""Bytes of shared memory for what is under way on this machine; its pages are taken when they are used."""
ALONE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""What makes a cluster of this machine send nothing anywhere and listen on the loopback interface alone, on any system."""
LONGEST = 30
"""Characters of a directory in which the names of Ray's sockets still fit."""
QUIET: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
_own = ExitStack()
"""Ends what was begun here."""
_users = 0


@contextmanager
def cluster(workers: int) -> Iterator[int]:
    """Inside, Ray is there; yields how many processors are to be used.

    A connection that the caller has is used and kept. ``RAY_ADDRESS`` names a cluster to connect to; without it one is started on this
    machine with *workers* processors (0: all), and ended with the last of those who use it.
    """
    global _users
    if not ray.is_initialized():
        _connect(workers or cores())
    _users += 1
    try:
        yield workers or int(ray.cluster_resources().get("CPU", 1))
    finally:
        _users -= 1
        if not _users:
            _own.close()


def _connect(workers: int) -> None:
    with ExitStack() as stack:
        if address := os.environ.get("RAY_ADDRESS"):
            _join(address)
        else:
            _start(workers, stack)
        stack.callback(ray.shutdown)
        _own.enter_context(stack.pop_all())


def _join(address: str) -> None:
    try:
        ray.init(address, **QUIET)
    except (ConnectionError, RuntimeError, ValueError) as error:
        why = in_one_line(error, 200)
        raise BelleError(
            f"RAY_ADDRESS={address}: no Ray cluster answers there ({why})",
            f"RAY_ADDRESS={address}：无法连接到 Ray 集群（{why}）",
        ) from error


def _start(workers: int, stack: ExitStack) -> None:
    usual = tempfile.gettempdir()
    directory = tempfile.mkdtemp(prefix="ray-", dir=usual if len(usual) < LONGEST else "/tmp")
    stack.callback(shutil.rmtree, directory, ignore_errors=True)
    os.environ.update(ALONE)  # for Ray's processes
    ray_constants.ENABLE_RAY_CLUSTER = False  # for this one, which may have imported it before
    store = {"object_store_memory": STORE, "_temp_dir": directory}
    ray.init("local", num_cpus=workers, include_dashboard=False, **store, **QUIET)
