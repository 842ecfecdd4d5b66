"""Divides the examples of an optimizer step among the processes that train together."""

from __future__ import annotations

import numpy as np


def shares(costs: np.ndarray, ranks: int) -> list[np.ndarray]:
    """For each of *ranks* the positions in *costs* that it takes, ascending: the dearest first, to whoever has the least.

    The union is every position once; a rank gets none when there are fewer positions than ranks.
    """
    taken: list[list[int]] = [[] for _ in range(ranks)]
    loads = np.zeros(ranks)
    for position in np.argsort(-costs, kind="stable").tolist():
        rank = int(loads.argmin())
        taken[rank].append(position)
        loads[rank] += costs[position]
    return [np.array(sorted(positions), np.int64) for positions in taken]
