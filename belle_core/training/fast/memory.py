"""Keeps the C library from handing memory back to the system between operations, only to ask for it again."""

from __future__ import annotations

import ctypes
import sys

MMAP_MAX, TRIM_THRESHOLD, TOP_PAD = -4, -1, -2
"""Numbers of ``mallopt`` (malloc.h of glibc)."""


def keep_memory() -> None:
    """Large tensors come from memory that the process has. Without this every one is mapped, and zeroed page by page.

    For the whole process; nothing happens where the C library is not glibc.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(MMAP_MAX, 0)
        library.mallopt(TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(TOP_PAD, 64 << 20)
