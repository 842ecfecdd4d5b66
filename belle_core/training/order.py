"""The order in which a run sees its examples: it follows from the seed and the epoch alone. Needs no torch."""

from __future__ import annotations

import numpy as np

from belle_core.training.examples import EncodedExamples

EPOCHS = 3
"""Epochs in which the largest step is looked for."""
BUCKET = 8
"""Neighbours in length that stay together when the order is shuffled, so that little is padded."""
WINDOW = 128
"""Buckets within which examples are sorted by length; the order of windows and buckets is random."""


def epoch_order(lengths: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
    """A random order of all examples in which runs of ``BUCKET`` neighbours have about one length."""
    random = np.random.Generator(np.random.PCG64([seed, epoch]))
    order = random.permutation(len(lengths))
    buckets: list[np.ndarray] = []
    for begin in range(0, len(order), BUCKET * WINDOW):
        window = order[begin : begin + BUCKET * WINDOW]
        window = window[np.argsort(lengths[window], kind="stable")]
        pieces = [window[i : i + BUCKET] for i in range(0, len(window), BUCKET)]
        buckets += [pieces[i] for i in random.permutation(len(pieces))]
    return np.concatenate(buckets)


def largest_step(encoded: EncodedExamples, batch: int, seed: int) -> int:
    """Tokens of the largest optimizer step of the first epochs."""
    ends = np.asarray(encoded.ends)[:: encoded.width]
    sizes, largest = np.diff(ends), 0
    for epoch in range(EPOCHS if len(encoded) else 0):
        ordered = sizes[epoch_order(encoded.lengths, seed=seed, epoch=epoch)]
        largest = max(largest, int(np.add.reduceat(ordered, range(0, len(ordered), batch)).max()))
    return largest
