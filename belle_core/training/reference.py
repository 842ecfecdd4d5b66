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
from belle_core.training.sharing.alone import Alone

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
    sharing: Alone | None = None,
) -> None:
    """Fill ``data.reference``, (sequences,) float32 in nats, from *path*, computing what is not there yet.

    *path* is a plain NumPy file that is written as the work goes on, so that a run which is broken off goes on where it
    was, and one that resumes uses the very same numbers although its model is another by then. *passes* share
    the examples out; *precision* is the context of a forward pass. Of several processes each takes some of the passes, all learn all
    numbers, and the first one keeps the file.
    """
    sharing = sharing or Alone()
    kept: Any = _open(path, len(data.ends) - 1) if sharing.rank == 0 else np.zeros(len(data.ends) - 1, np.float32)
    values = _known(kept, sharing, device)
    parts = passes.whole(data)
    rows = [_rows(data, part) for part in parts]
    missing = [n for n in range(len(parts)) if np.isnan(values[rows[n]]).any()]
    began = told = time.monotonic()
    training = model.training
    model.eval()
    for begin in range(0, len(missing), sharing.ranks):
        together = missing[begin : begin + sharing.ranks]
        own = together[min(sharing.rank, len(together) - 1)]  # who has none goes along: a pass may be made by all
        with precision():
            batch = collate(data, parts[own], packed=passes.packed).to(device)
            scores = sequence_scores(model, batch)[0].float()
        everyone = [
            scores if n == own and sharing.rank < len(together) else torch.zeros(len(rows[n]), device=device)
            for n in together
        ]
        where = np.concatenate([rows[n] for n in together])
        values[where] = kept[where] = sharing.total(torch.cat(everyone)).cpu().numpy()
        if time.monotonic() - told > SILENT_SECONDS and sharing.rank == 0:
            told = time.monotonic()
            _tell(begin + len(together), len(missing), told - began)
    model.train(training)
    if isinstance(kept, np.memmap):
        kept.flush()
    data.reference = values
    if data.beside is not None:
        beside = path.with_name(f"{path.stem}-beside{path.suffix}")
        add_reference(model, data.beside, beside, passes=passes, device=device, precision=precision, sharing=sharing)


def _rows(data: EncodedExamples, examples: list[int]) -> np.ndarray:
    return np.concatenate([np.arange(e * data.width, (e + 1) * data.width) for e in examples])


def _known(kept: Any, sharing: Alone, device: Any) -> np.ndarray:
    """What the first process finds in its file, for all: then they agree on what is missing."""
    return sharing.total(torch.from_numpy(np.array(kept)).to(device)).cpu().numpy()


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
