"""Which examples are compared: those that are near the same ones of some drawn by chance (an inverted file, Sivic and Zisserman 2003)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from belle_core.progress import track
from belle_duplicates.vectors import Numbers, Vectors

CERTAINTY = 0.99
"""Least share of pairs just at the threshold that are to be compared."""
MOST = 32
"""Most cells in which an example looks for its like."""
TRIALS = 1 << 12
"""Pairs by which that share is found."""
PER_ROOT = 3
"""Cells for the root of the number of examples: finding the nearest takes about as long then as comparing in them."""
BLOCK = 1 << 11
"""Vectors whose cells are found together."""
SEED = 20230316
CELL = np.uint64(32)


@dataclass(frozen=True)
class Cells:
    """Every example lives in one cell, and looks for its like in that one and maybe in others."""

    homes: Numbers
    """Where each lives."""
    looking: Numbers
    """Cell (upper 32 bits) and number of all who look in it, sorted."""
    bounds: list[int]
    """Where each cell begins in ``looking``, and its end."""
    found: dict[str, Any]
    """What the artifact tells of it."""

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def looking_in(self, cell: int) -> Numbers:
        """The numbers of those who look in *cell*, in order."""
        some = self.looking[self.bounds[cell] : self.bounds[cell + 1]]
        return np.asarray(some).astype(np.uint32).astype(np.int64)


def one_cell(count: int) -> Cells:
    """All pairs are compared."""
    return Cells(np.zeros(count, np.uint32), np.arange(count, dtype=np.uint64), [0, count], {"cells": 1})


def divided(vectors: Vectors, threshold: float, scratch: Path, *, label: str) -> Cells:
    """Cells around examples that are drawn by chance: an example lives in that of the nearest, and looks in those of several nearest.

    These are as many as it takes that of pairs just at *threshold* the share :data:`CERTAINTY` is compared; nearer ones are more surely. In memory are 4
    bytes an example, on disk 8 for each cell in which it looks.
    """
    random, count = np.random.default_rng(SEED), len(vectors)
    drawn = random.choice(count, min(count, round(PER_ROOT * count**0.5)), replace=False)
    centres = vectors.rows(np.sort(drawn))
    probes, certainty = _probes(vectors, centres, threshold, random)
    homes, path = np.empty(count, np.uint32), scratch / "cells.bin"
    with path.open("wb") as file:
        for start, block in track(vectors.blocks(BLOCK), total=count, label=label, size=lambda pair: len(pair[1])):
            nearest = (block @ centres.T).topk(probes, dim=1).indices.numpy().astype(np.uint64)
            homes[start : start + len(block)] = nearest[:, 0]
            file.write((nearest << CELL | np.arange(start, start + len(block), dtype=np.uint64)[:, None]).tobytes())
    looking = np.memmap(path, np.uint64, "r+")
    looking.sort()
    bounds = np.searchsorted(looking, np.arange(len(centres) + 1, dtype=np.uint64) << CELL).tolist()
    found = {"cells": len(centres), "looked_in": probes, "certainty": round(certainty, 4)}
    return Cells(homes, looking, bounds, found)


def _probes(
    vectors: Vectors, centres: torch.Tensor, threshold: float, random: np.random.Generator
) -> tuple[int, float]:
    """In how many cells an example must look, and the share of pairs just at the threshold that are compared then.

    The pairs are made: an example, and what lies at the threshold from it in the direction of the difference of two others.
    """
    one, other, third = (vectors.rows(random.integers(0, len(vectors), TRIALS)) for _ in range(3))
    away = other - third
    away -= (away * one).sum(dim=1, keepdim=True) * one
    like = threshold * one + (1 - threshold**2) ** 0.5 * torch.nn.functional.normalize(away, dim=1)
    near = like @ centres.T
    home = (one @ centres.T).argmax(dim=1, keepdim=True)
    nearer = (near > near.gather(1, home)).sum(dim=1)
    wanted = int(nearer.double().quantile(CERTAINTY, interpolation="higher")) + 1
    probes = min(wanted, MOST, len(centres))
    return probes, float((nearer < probes).double().mean())
