"""How fast this machine trains: from earlier runs in the store, or measured when asked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from belle_core.artifacts import MANIFEST
from belle_core.lineage import ancestors
from belle_core.runs import read_runs
from belle_core.store import Store

FORWARD = 2
"""Floating-point operations per weight and token of a forward pass; the gradient of what comes before a weight takes as
many, and that of the weight itself (arXiv 2001.08361)."""
SPEED = "tokens_per_second"


@dataclass(frozen=True)
class Earlier:
    """Tokens per second of an artifact made before with the same stage and the same model."""

    tokens_per_second: float
    fingerprint: str


def earlier_rate(store: Store, stage: str, model: dict[str, Any]) -> Earlier | None:
    """The latest figure in the store of *stage* (``train/lora``) with *model* (the section's hashed values).

    It is the median of what the run recorded as it went on, else tokens by seconds as the artifact states them.
    """
    found: list[tuple[str, Earlier]] = []
    for directory in store.directories():
        manifest = _read(directory)
        if manifest.get("recipe", {}).get("stage") != stage or _model_of(directory) != model:
            continue
        if speed := _recorded(store, directory.name) or _stated(manifest):
            found.append((manifest["provenance"]["started"], Earlier(speed, directory.name)))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _stated(manifest: dict[str, Any]) -> float | None:
    metrics = manifest.get("facts", {}).get("metrics", {})
    tokens, seconds = metrics.get("tokens"), metrics.get("seconds")
    return tokens / seconds if tokens and seconds else None


def _recorded(store: Store, fingerprint: str) -> float | None:
    """Median of the rates that runs recorded while they made this artifact."""
    rates = []
    for run in read_runs(store.root):
        if any(step["fingerprint"] == fingerprint for step in run.steps):
            rates += list(_rates(run.directory / "metrics.jsonl", fingerprint))
    return median(rates) if rates else None


def _rates(path: Path, fingerprint: str) -> Iterator[float]:
    making: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue  # cut off by a crash
        if record.get("event") == "step":
            making[record["step"]] = record["fingerprint"]
        elif record.get(SPEED) and making.get(record.get("step", "")) == fingerprint:
            yield float(record[SPEED])


def _model_of(directory: Path) -> Any:
    """The model section that the artifact or the nearest of its ancestors started from."""
    models = (manifest["recipe"].get("shared", {}).get("model") for manifest in ancestors(directory))
    return next((model for model in models if model), None)


def _read(directory: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # `belle runs check` tells about damaged ones
    return manifest if isinstance(manifest, dict) else {}


def measure_matmul(dtype: str, seconds: float = 0.5) -> float:
    """Floating-point operations per second of square matrix products on this machine's first device. Imports torch.

    Draws no random numbers: a run that measures goes on as if it had not.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    size = 8192 if device == "cuda" else 1024
    left = torch.linspace(-1, 1, size * size, device=device).view(size, size).to(getattr(torch, dtype))
    best, started = 0.0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        before = time.perf_counter()
        (left @ left).sum().item()  # item() waits for the device
        best = max(best, 2 * size**3 / (time.perf_counter() - before))
    return best
