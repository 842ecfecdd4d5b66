"""Batches, packed or padded; what is in them follows from the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from belle_core.training.examples import EncodedExamples
from belle_core.training.order import epoch_order
from belle_core.training.shares import shares


@dataclass(frozen=True)
class Batch:
    """Sequences of one forward pass: packed into one row without gaps, or a row for each, padded on the right.

    Labels are kept by position, so any pad id will do, and the last token of a sequence has none.
    """

    ids: Tensor
    """(1, tokens) int64 when packed, else (sequences, time)."""
    positions: Tensor | None
    """(1, tokens) int64: place of each token in its own sequence; ``None`` when padded."""
    lengths: tuple[int, ...]
    """Tokens of each sequence."""
    lasts: Tensor
    """(sequences,) int64: where in the flattened ``ids`` each sequence has its last token."""
    keep: Tensor
    """(labels,) int64: positions in the flattened ``ids`` from which a learned token is predicted."""
    rows: Tensor
    """(labels,) int64: number of the sequence that each label belongs to; those of one example are neighbours."""
    targets: Tensor
    """(labels,) int64: the token to be predicted there."""
    weights: Tensor
    """(labels,) float32: its weight in the loss, above 0."""
    marks: Tensor
    """(sequences,) float32: what the objective noted of each."""
    reference: Tensor
    """(sequences,) float32: log-probability under the model as it started; 0 where the objective does not want it."""
    beside: Batch | None = None
    """Further sequences of the same examples, which are not learned."""
    examples: tuple[int, ...] = ()
    """Numbers of the examples in the data."""
    even: bool = False
    """All labels have the same weight."""

    @property
    def sequences(self) -> int:
        """Their number; ``rows`` counts up to it."""
        return len(self.lengths)

    @property
    def tokens(self) -> int:
        """Tokens that are not padding."""
        return sum(self.lengths)

    def to(self, device: Any, **options: Any) -> Batch:
        """The same batch on *device*."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        tensors = {name: value for name, value in values.items() if isinstance(value, (Tensor, Batch))}
        return replace(self, **values | {name: _moved(tensor, device, **options) for name, tensor in tensors.items()})


def _moved(one: Tensor | Batch, device: Any, **options: Any) -> Tensor | Batch:
    if isinstance(one, Tensor) and torch.device(device).type == "cuda" and one.device.type == "cpu":
        return one.pin_memory().to(device, non_blocking=True)  # the host need not wait for the GPU
    return one.to(device, **options)


@dataclass(frozen=True)
class Step:
    """Everything one process sees of an optimizer step."""

    batches: list[Batch]
    amount: float
    """The summed loss of all batches, over all processes, is divided by this."""
    fillers: int = 0
    """That many batches at the end do not count: they keep this process in step with those that have more."""

    @property
    def weighted(self) -> Iterator[tuple[Batch, float]]:
        """Each batch with what its loss is multiplied by, 0 for a filler."""
        counted = len(self.batches) - self.fillers
        return ((batch, float(number < counted)) for number, batch in enumerate(self.batches))

    @property
    def tokens(self) -> int:
        return sum(batch.tokens for batch, weight in self.weighted if weight)

    def to(self, device: Any, **options: Any) -> Step:
        """The same step on *device*."""
        return replace(self, batches=[batch.to(device, **options) for batch in self.batches])


def collate(encoded: EncodedExamples, examples: Sequence[int], *, packed: bool = False) -> Batch:
    """The batch of the *examples* with these numbers, in that order."""
    ends, width = np.asarray(encoded.ends), encoded.width
    sequences = (np.asarray(examples)[:, None] * width + np.arange(width)).ravel()
    lengths = ends[sequences + 1] - ends[sequences]
    firsts = np.cumsum(lengths) - lengths if packed else np.arange(len(lengths)) * lengths.max()
    own = np.arange(lengths.sum()) - np.repeat(
        np.cumsum(lengths) - lengths, lengths
    )  # each token's place in its sequence
    source, places = np.repeat(ends[sequences], lengths) + own, np.repeat(firsts, lengths) + own
    flat, last = np.asarray(encoded.ids)[source], own == np.repeat(lengths - 1, lengths)
    weights = np.where(last, 0, np.asarray(encoded.weights)[np.where(last, source, source + 1)])
    learned = np.flatnonzero(weights)
    ids = flat if packed else np.zeros(len(lengths) * lengths.max(), np.int64)
    ids[places] = flat
    as_tensor = lambda values, kind=np.int64: torch.from_numpy(np.ascontiguousarray(values, kind))  # noqa: E731
    return Batch(
        ids=as_tensor(ids).view(1 if packed else len(lengths), -1),
        positions=as_tensor(own)[None] if packed else None,
        lengths=tuple(lengths.tolist()),
        lasts=as_tensor(firsts + lengths - 1),
        keep=as_tensor(places[learned]),
        rows=as_tensor(np.repeat(np.arange(len(lengths)), lengths)[learned]),
        targets=as_tensor(flat[learned + 1]),
        weights=as_tensor(weights[learned], np.float32),
        marks=as_tensor(np.asarray(encoded.marks)[sequences], np.float32),
        reference=as_tensor(
            np.zeros(len(sequences)) if encoded.reference is None else encoded.reference[sequences], np.float32
        ),
        beside=None if encoded.beside is None else collate(encoded.beside, examples, packed=packed),
        examples=tuple(int(e) for e in examples),
        even=bool(len(learned)) and bool((weights[learned] == weights[learned[0]]).all()),
    )


def collate_all(encoded: EncodedExamples, passes: Passes) -> list[Batch]:
    """Every example once, sorted by length."""
    return [collate(encoded, part, packed=passes.packed) for part in passes.whole(encoded)]


@dataclass(frozen=True)
class Passes:
    """How examples are shared out among forward passes; it has no part in the result."""

    sequences: int
    """Sequences of a padded pass."""
    tokens: int | None = None
    """Tokens of a pass when sequences are packed, ``None`` when they are padded. A longer example has a pass of its own."""
    rank: int = 0
    """Which process this is of those that train together."""
    ranks: int = 1

    @property
    def packed(self) -> bool:
        return self.tokens is not None

    def halved(self) -> Passes:
        """Passes of half the size, of one sequence at least."""
        size = max(1, self.sequences // 2)
        tokens = None if self.tokens is None else self.tokens // self.sequences * size
        return replace(self, sequences=size, tokens=tokens)

    def step(self, encoded: EncodedExamples, examples: np.ndarray, lengths: np.ndarray) -> Step:
        """What this process sees of a step over *examples*, of which *lengths* are the tokens.

        Every process makes the same number of passes, since in some ways of sharing each pass is made by all together.
        """
        order = np.argsort(lengths, kind="stable")
        examples, lengths = examples[order], lengths[order]
        parts = [self.split(encoded, examples[share]) for share in shares(lengths, self.ranks)]
        fillers = max(map(len, parts)) - len(parts[self.rank])
        own = parts[self.rank] + [[int(examples[0])]] * fillers
        batches = [collate(encoded, part, packed=self.packed) for part in own]
        return Step(batches, sum(encoded.amounts[e] for e in examples), fillers)

    def whole(self, encoded: EncodedExamples) -> list[list[int]]:
        """All examples, sorted by length, shared out."""
        return self.split(encoded, np.argsort(encoded.lengths, kind="stable"))

    def split(self, encoded: EncodedExamples, examples: np.ndarray) -> list[list[int]]:
        """The *examples* (sorted by length) of each pass; packed, the longest come first, each where it fits best."""
        if self.tokens is None:
            size = max(1, self.sequences // encoded.width)
            return [examples[i : i + size].tolist() for i in range(0, len(examples), size)]
        ends = np.asarray(encoded.ends)
        sizes = ends[(examples + 1) * encoded.width] - ends[examples * encoded.width]
        passes: list[list[int]] = []
        free: list[int] = []
        for place in np.argsort(-sizes, kind="stable"):
            example, size = int(examples[place]), int(sizes[place])
            fitting = [number for number, room in enumerate(free) if room >= size]
            if fitting:
                best = min(fitting, key=free.__getitem__)
            else:
                best = len(passes)
                passes.append([])
                free.append(self.tokens)
            passes[best].append(example)
            free[best] -= size
        return passes


class Steps:
    """The optimizer steps of a run from number ``start`` on.

    ``batch`` examples make a step (the last of an epoch may be smaller), shared out among ``passes``. What a step holds
    depends on the seed, the epoch and its number, and not on ``passes``, nor on how many processes share it.
    """

    def __init__(self, encoded: EncodedExamples, *, batch: int, passes: Passes, epochs: float, seed: int) -> None:
        self.encoded, self.batch, self.passes, self.seed = encoded, batch, passes, seed
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

    def at(self, number: int) -> Step:
        """Optimizer step *number*, counted from 0."""
        order = epoch_order(self.lengths, seed=self.seed, epoch=number // self.per_epoch)
        place = number % self.per_epoch * self.batch
        return self._step(order[place : place + self.batch])

    def _step(self, examples: np.ndarray) -> Step:
        return self.passes.step(self.encoded, examples, self.lengths[examples])
