"""Log-probabilities of all sequences under the model as it starts, computed once and kept for resuming."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from belle_core.language import say
from belle_core.training.batches import Passes, collate
from belle_core.training.examples import EncodedExamples
from belle_core.training.losses import sequence_scores

SILENT_SECONDS = 5.0
"""Time after which the work is announced, and between the lines that tell how far it is."""


@torch.no_grad()
def add_reference(
    model: Any,
    data: EncodedExamples,
    path: Path,
    *,
    passes: Passes,
    device: Any,
    precision: Callable[[], AbstractContextManager[Any]],
) -> None:
    """Fill ``data.reference``, (sequences,) float32 in nats, from *path*, computing what is not there yet.

    *path* is a plain NumPy file that is written as the work goes on, so that a run which is broken off goes on where it
    was, and one that resumes uses the very same numbers although its model is another by then. *passes* share
    the examples out; *precision* is the context of a forward pass.
    """
    values = _open(path, len(data.ends) - 1)
    batches = passes.whole(data)
    began = told = time.monotonic()
    training = model.training
    model.eval()
    for number, examples in enumerate(batches, 1):
        rows = np.concatenate([np.arange(e * data.width, (e + 1) * data.width) for e in examples])
        if np.isnan(values[rows]).any():
            with precision():
                values[rows] = (
                    sequence_scores(model, collate(data, examples, packed=passes.packed).to(device))[0]
                    .float()
                    .cpu()
                    .numpy()
                )
        if time.monotonic() - told > SILENT_SECONDS:
            told = time.monotonic()
            _tell(number, len(batches), told - began)
    model.train(training)
    values.flush()
    data.reference = np.array(values)
    if data.beside is not None:
        beside = path.with_name(f"{path.stem}-beside{path.suffix}")
        add_reference(model, data.beside, beside, passes=passes, device=device, precision=precision)


def _open(path: Path, count: int) -> np.memmap[Any, np.dtype[np.float32]]:
    """The file's values; a new one holds NaN, which means not computed, and appears as a whole."""
    if not path.is_file():
        new = path.with_suffix(".new")
        np.save(new.open("wb"), np.full(count, np.nan, np.float32), allow_pickle=False)
        os.replace(new, path)
    return np.lib.format.open_memmap(path, mode="r+")


def _tell(done: int, total: int, seconds: float) -> None:
    left = seconds / done * (total - done)
    clock = f"{left // 60:.0f}:{left % 60:02.0f}"
    print(say(f"      reference log-probabilities {done}/{total} · {clock} left",
              f"      参考模型对数概率 {done}/{total} · 剩余 {clock}"), flush=True)  # fmt: skip
