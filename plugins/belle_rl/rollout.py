"""Questions out of batches, and answers into batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from belle_core.encoding import Encoded
from belle_core.training.batches import Batch, Passes, collate
from belle_core.training.examples import EncodedExamples


@dataclass(frozen=True)
class Asked:
    """A question, and what a good answer would be, as ids."""

    prompt: list[int]
    reference: list[int]
    example: int = 0
    """Its number in the data."""
    number: int = 0
    """Which of the answers to it is wanted."""


@dataclass(frozen=True)
class Rollout(Batch):
    """Answers of the model with what was found out about them before it learns from them."""

    reward: Tensor | None = None
    """(sequences,): as the functions and the reward model gave it."""
    advantages: Tensor | None = None
    """(labels,)."""
    old: Tensor | None = None
    """(labels,): log-probabilities as the answers were given; ``None``: those of the first update."""
    start: Tensor | None = None
    """(labels,): log-probabilities under the model as it started."""
    values: Tensor | None = None
    """(labels,): the reward to come, as it was estimated."""
    returns: Tensor | None = None
    """(labels,): the reward to come, as it came."""
    scale: float = 1.0
    """What the whole step is divided by, over its number of answers; for figures that are means over answers."""


def questions(batch: Batch) -> Iterator[Asked]:
    """The sequences of a batch, taken apart where the first label is."""
    ids, ends = batch.ids.flatten().tolist(), (batch.lasts + 1).tolist()
    first: dict[int, int] = {}
    for row, place in zip(batch.rows.tolist(), batch.keep.tolist(), strict=True):
        first.setdefault(row, place + 1)
    for row, (end, length) in enumerate(zip(ends, batch.lengths, strict=True)):
        begin, answer = end - length, first[row]
        yield Asked(ids[begin:answer], ids[answer:end], batch.examples[row])


def answered(asked: Sequence[Asked], answers: Sequence[list[int]], passes: Passes) -> list[Batch]:
    """Batches in which the answers are labels; their ``examples`` are the numbers of the answers."""
    data = EncodedExamples()
    for one, answer in zip(asked, answers, strict=True):
        data.add([Encoded(one.prompt + answer, [0.0] * len(one.prompt) + [1.0] * len(answer))], 1.0)
    return [collate(data, part, packed=passes.packed) for part in passes.whole(data)]


def rollout(batch: Batch, **found: Any) -> Rollout:
    """*batch* with what was *found* out about it."""
    return Rollout(**{f.name: getattr(batch, f.name) for f in fields(batch)} | found)


def joined(rollouts: Sequence[Batch], name: str) -> Tensor:
    """A figure of all answers or tokens."""
    return torch.cat([getattr(one, name) for one in rollouts])
