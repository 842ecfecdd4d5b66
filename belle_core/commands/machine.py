"""What this machine is, without importing torch."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

MIB = 2**20


def describe() -> dict[str, Any]:
    """Operating system, processor, cores and memory in bytes (``None`` where the system does not tell)."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": _memory(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None  # Windows


def gpus() -> list[dict[str, Any]]:
    """``name``, ``memory`` in bytes and ``driver`` of every NVIDIA GPU, as ``nvidia-smi`` tells."""
    if (program := shutil.which("nvidia-smi")) is None:
        return []
    query = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[cell.strip() for cell in line.split(",")] for line in output.splitlines()]
    return [
        {"name": row[0], "memory": int(row[1]) * MIB if row[1].isdigit() else 0, "driver": row[2]}
        for row in rows
        if len(row) == 3
    ]


def disk(store: Path) -> dict[str, Any]:
    """Whether the store, or the nearest folder above it that exists, can be written, and its free bytes."""
    existing = next(path for path in (store, *store.parents) if path.exists())
    return {
        "path": str(store),
        "exists": store.exists(),
        "writable": existing.is_dir() and os.access(existing, os.W_OK | os.X_OK) and not _read_only(existing),
        "free": shutil.disk_usage(existing).free,
    }


def _read_only(path: Path) -> bool:
    """Whether the file system is mounted read-only; ``os.access`` does not tell the superuser."""
    return hasattr(os, "statvfs") and bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def host_of(url: str) -> str:
    """Host and port of an address; nothing of a name, password or path."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.hostname or '?'}{port}"


def without_password(value: str) -> str:
    """*value* without name and password, if it is an address that carries them."""
    if "://" not in value or "@" not in value:
        return value
    parts = urlsplit(value)
    return urlunsplit((parts.scheme, parts.netloc.rsplit("@", 1)[-1], parts.path, "", ""))
