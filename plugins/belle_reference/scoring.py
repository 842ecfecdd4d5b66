"""From the scores of single answers to figures: overall, by category, with an interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any

RESAMPLES = 2000
COVERAGE = 0.95

Scores = dict[str, float | None]


def summarise(scored: Sequence[tuple[str, Scores]]) -> dict[str, Any]:
    """Figures for (category, scores by metric) pairs, at least one.

    ``overall`` is the mean over all answers, ``macro`` the mean of the categories' means; a metric counts where it
    applies, ``counts`` says how often that is. ``interval`` holds the bootstrap's bounds for ``exact``.
    """
    groups: dict[str, list[Scores]] = defaultdict(list)
    for category, scores in scored:
        groups[category].append(scores)
    rows = [scores for _, scores in scored]
    categories = {category: _means(group) for category, group in groups.items()}
    return {
        "overall": _means(rows),
        "macro": _means(list(categories.values())),
        "interval": interval(_values(rows, "exact")),
        "count": len(rows),
        "counts": {metric: len(_values(rows, metric)) for metric in rows[0]},
        "categories": {
            category: {"count": len(groups[category]), "interval": interval(_values(groups[category], "exact"))} | means
            for category, means in categories.items()
        },
    }


def interval(values: Sequence[float], *, seed: int = 0) -> list[float]:
    """Percentile bootstrap of the mean (Efron 1979): bounds between which 95% of resampled means lie."""
    import numpy as np

    random, array = np.random.default_rng(seed), np.asarray(values)
    means = [array[random.integers(0, len(array), len(array))].mean() for _ in range(RESAMPLES)]
    tail = (1 - COVERAGE) / 2
    return [float(bound) for bound in np.quantile(means, [tail, 1 - tail])]


def _means(rows: Sequence[Scores]) -> dict[str, float]:
    metrics = dict.fromkeys(metric for row in rows for metric in row)
    return {metric: fmean(values) for metric in metrics if (values := _values(rows, metric))}


def _values(rows: Sequence[Scores], metric: str) -> list[float]:
    return [value for row in rows if (value := row.get(metric)) is not None]
