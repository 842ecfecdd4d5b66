"""Which examples stay: in order, each that is like none of those that stay before it and live in a cell in which it looks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import torch

from belle_core.progress import track
from belle_duplicates.cells import Cells
from belle_duplicates.vectors import Numbers, Vectors

BLOCK = 1 << 10
"""Examples that are compared at once."""
AT_ONCE = 1 << 14
"""With so many."""

Pairs = tuple[Numbers, Numbers, Numbers]
"""Numbers of examples, those of earlier ones that each is like, and the cosines."""


def nearest_kept(vectors: Vectors, cells: Cells, threshold: float, *, label: str) -> Iterator[tuple[float, int] | None]:
    """For every example in order its cosine with the nearest earlier one that stays, and which; ``None`` where it stays itself.

    Of those who live in a cell others are compared with its *leaders* only, which are like no earlier leader of it: copies of one text are compared with
    one. A leader may be dropped for what lives elsewhere; who stays without being one is therefore compared with all who come later.
    """
    later, earlier, cosines = _like_leaders(vectors, cells, threshold, label)
    stays = bytearray(len(vectors))
    more: dict[int, list[tuple[float, int]]] = defaultdict(list)
    end = 0
    for number, count in enumerate(np.bincount(later, minlength=len(vectors)).tolist()):
        start, end = end, end + count
        leaders = earlier[start:end].tolist()
        near = [pair for pair in zip(cosines[start:end].tolist(), leaders) if stays[pair[1]]] + more.pop(number, [])
        if near:
            yield max(near, key=lambda pair: (pair[0], -pair[1]))
            continue
        stays[number] = True
        if any(cells.homes[leader] == cells.homes[number] for leader in leaders):
            others = cells.looking_in(int(cells.homes[number]))
            others = others[others > number]
            alike = vectors.rows(others) @ vectors.rows(np.array([number]))[0]
            for place in torch.nonzero(alike >= threshold).flatten().tolist():
                more[int(others[place])].append((float(alike[place]), number))
        yield None


def _like_leaders(vectors: Vectors, cells: Cells, threshold: float, label: str) -> Pairs:
    """Who is like an earlier leader of a cell in which it looks, in order. 12 bytes a pair."""
    numbers = (cells.looking_in(cell) for cell in range(len(cells)))
    tracked = track(enumerate(numbers), total=len(cells.looking), label=label, size=lambda pair: len(pair[1]))
    found = [pairs for cell, some in tracked for pairs in _in_cell(vectors, some, cells.homes[some] == cell, threshold)]
    later, earlier, cosines = (np.concatenate(parts) for parts in zip(*found))
    order = np.argsort(later, kind="stable")
    return later[order], earlier[order], cosines[order]


def _in_cell(vectors: Vectors, numbers: Numbers, lives: Numbers, threshold: float) -> Iterator[Pairs]:
    """The same in one cell, where some of the *numbers*, which are in order, live; its leaders are found on the way."""
    leaders = np.empty(0, np.int64)
    for start in range(0, len(numbers), BLOCK):
        some, free = numbers[start : start + BLOCK], lives[start : start + BLOCK]
        block = vectors.rows(some)
        for at in range(0, len(leaders), AT_ONCE):
            before = leaders[at : at + AT_ONCE]
            cosines = block @ vectors.rows(before).T
            free = free & ~(cosines >= threshold).any(dim=1).numpy()
            yield _pairs(cosines, threshold, some, before)
        places = np.flatnonzero(free)
        inner = block @ block[places].T
        inner[torch.from_numpy(places >= np.arange(len(some))[:, None])] = -1.0  # not earlier
        leading = _leading((inner[places] >= threshold).numpy())
        yield _pairs(inner[:, leading], threshold, some, some[places[leading]])
        leaders = np.concatenate([leaders, some[places[leading]]])


def _leading(alike: Numbers) -> Numbers:
    """Places of those that are like no earlier leader, where row and column of *alike* say who is like which earlier one."""
    leading = np.ones(len(alike), bool)
    for place in np.flatnonzero(alike.any(axis=1)):
        leading[place] = not (alike[place] & leading).any()
    return np.flatnonzero(leading)


def _pairs(cosines: torch.Tensor, threshold: float, later: Numbers, earlier: Numbers) -> Pairs:
    rows, columns = torch.nonzero(cosines >= threshold, as_tuple=True)
    found = cosines[rows, columns].numpy()
    return later[rows.numpy()].astype(np.uint32), earlier[columns.numpy()].astype(np.uint32), found
