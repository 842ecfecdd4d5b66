"""Padded batches and the order in which a run sees its examples; both follow from the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from belle_core.training.examples import EncodedExamples

BUCKET = 8
"""Neighbours in length that stay together when the order is shuffled, so that little is padded."""
WINDOW = 128
"""Buckets within which examples are sorted by length; the order of windows and buckets is random."""


@dataclass(frozen=True)
class Batch:
    """Sequences of one forward pass, padded on the right. Labels are kept by position, so any pad id will do."""

    ids: Tensor
    """(sequences, time) int64."""
    keep: Tensor
    """(labels,) int64: positions in the flattened ``ids`` from which a learned token is predicted."""
    targets: Tensor
    """(labels,) int64: the token to be predicted there."""
    weights: Tensor
    """(labels,) float32: its weight in the loss, above 0."""
    tokens: int
    """Tokens that are not padding."""

    def to(self, device: Any, **options: Any) -> Batch:
        """The same batch on *device*."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "tokens"}
        return replace(self, **{name: tensor.to(device, **options) for name, tensor in tensors.items()})

    @property
    def rows(self) -> Tensor:
        """(labels,) int64: the sequence that each label belongs to."""
        return self.keep // self.ids.shape[1]


@dataclass(frozen=True)
class Step:
    """Everything one optimizer step sees."""

    batches: list[Batch]
    amount: float
    """The summed loss of all batches is divided by this."""

    @property
    def tokens(self) -> int:
        return sum(batch.tokens for batch in self.batches)

    def to(self, device: Any, **options: Any) -> Step:
        """The same step on *device*."""
        return replace(self, batches=[batch.to(device, **options) for batch in self.batches])


def collate(encoded: EncodedExamples, examples: Sequence[int]) -> Batch:
    """The batch of the *examples* with these numbers, in that order."""
    spans = [
        (encoded.ends[i], encoded.ends[i + 1])
        for e in examples
        for i in range(e * encoded.width, (e + 1) * encoded.width)
    ]
    shape = len(spans), max(end - begin for begin, end in spans)
    ids, targets, weights = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    for row, (begin, end) in enumerate(spans):
        length = end - begin
        ids[row, :length] = encoded.ids[begin:end]
        targets[row, : length - 1] = encoded.ids[begin + 1 : end]
        weights[row, : length - 1] = encoded.weights[begin + 1 : end]
    keep = np.flatnonzero(weights)
    return Batch(
        ids=torch.from_numpy(ids),
        keep=torch.from_numpy(keep),
        targets=torch.from_numpy(targets.ravel()[keep]),
        weights=torch.from_numpy(weights.ravel()[keep]),
        tokens=sum(end - begin for begin, end in spans),
    )


def collate_all(encoded: EncodedExamples, size: int) -> list[Batch]:
    """Every example once, sorted by length, in batches of *size*."""
    order = np.argsort(encoded.lengths, kind="stable")
    return [collate(encoded, order[i : i + size].tolist()) for i in range(0, len(order), size)]


class Steps:
    """The optimizer steps of a run from number ``start`` on.

    ``batch`` examples make a step (the last of an epoch may be smaller), split into passes of ``micro`` sequences of
    like length. What a step holds depends on the seed, the epoch and its number, and not on ``micro``.
    """

    def __init__(self, encoded: EncodedExamples, *, batch: int, micro: int, epochs: float, seed: int) -> None:
        self.encoded, self.batch, self.micro, self.seed = encoded, batch, micro, seed
        self.lengths = encoded.lengths
        self.per_epoch = -(-len(encoded) // batch)
        self.total = max(1, int(np.ceil(round(self.per_epoch * epochs, 6))))
        self.start = 0

    def __len__(self) -> int:
        return self.total - self.start

    def __iter__(self) -> Iterator[Step]:
        for epoch in range(self.start // self.per_epoch, -(-self.total // self.per_epoch)):
            order = epoch_order(self.lengths, seed=self.seed, epoch=epoch)
            first = epoch * self.per_epoch
            for number in range(max(self.start, first), min(self.total, first + self.per_epoch)):
                place = (number - first) * self.batch
                yield self._step(order[place : place + self.batch])

    def _step(self, examples: np.ndarray) -> Step:
        examples = examples[np.argsort(self.lengths[examples], kind="stable")]
        size = max(1, self.micro // self.encoded.width)
        parts = [examples[i : i + size].tolist() for i in range(0, len(examples), size)]
        return Step([collate(self.encoded, part) for part in parts], sum(self.encoded.amounts[e] for e in examples))


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
