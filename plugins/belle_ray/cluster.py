"""A Ray cluster to work on: the one that is there, or one of this machine for as long as it is needed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
if "RAY_ADDRESS" not in os.environ:
    # Ray's only switch for a cluster that listens on the loopback interface alone; it is read when ray is imported
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

import ray
from belle_core.errors import BelleError

STORE = 512 << 20
"""Bytes of shared memory for what is under way on this machine; pages are taken when they are used."""


@contextmanager
def cluster(workers: int) -> Iterator[None]:
    """Inside, Ray is there. A connection of the caller's is used and kept; ``RAY_ADDRESS`` names a cluster to connect to; else one
    is started here with *workers* processors, and ended."""
    if ray.is_initialized():
        yield
        return
    directory = tempfile.mkdtemp(prefix="belle-ray-")
    try:
        _connect(workers, directory)
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(directory, ignore_errors=True)


def _connect(workers: int, directory: str) -> None:
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if not (address := os.environ.get("RAY_ADDRESS")):
        ray.init(
            "local", num_cpus=workers, object_store_memory=STORE, include_dashboard=False, _temp_dir=directory, **quiet
        )
        return
    try:
        ray.init(address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        why = " ".join(str(error).split())[:200]
        raise BelleError(
            f"RAY_ADDRESS={address}: no Ray cluster answers there ({why})",
            f"RAY_ADDRESS={address}：无法连接到 Ray 集群（{why}）",
        ) from error
