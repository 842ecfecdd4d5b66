"""Encodes a split once, cuts what is too long, and counts what that costs."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from belle_core.conversation import Example
from belle_core.encoding import Encoded, Encoder
from belle_core.errors import BelleError
from belle_core.training.objective import Objective

MOST_LOST = 0.5
"""Largest share of the examples that cutting may leave without anything to learn."""


@dataclass
class EncodedExamples:
    """Sequences of all examples in flat arrays: 8 bytes a token."""

    width: int = 1
    """Sequences per example."""
    ids: array[int] = field(default_factory=lambda: array("i"))
    weights: array[float] = field(default_factory=lambda: array("f"))
    marks: array[float] = field(default_factory=lambda: array("f"))
    """What the objective noted of each sequence."""
    ends: array[int] = field(default_factory=lambda: array("q", [0]))
    """Where each sequence ends in ``ids``; sequence *i* begins at ``ends[i]``."""
    amounts: array[float] = field(default_factory=lambda: array("d"))
    """What each example counts in the mean of the loss."""
    truncated: int = 0
    dropped: int = 0
    reference: np.ndarray | None = None
    """Log-probability of each sequence's labels under the model as it started, (sequences,) float32."""
    beside: EncodedExamples | None = None
    """Further sequences of the same examples, which are not learned; they reach the loss as ``batch.beside``."""

    def __len__(self) -> int:
        return len(self.amounts)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each example's longest sequence, (examples,) int64."""
        return np.diff(np.asarray(self.ends)).reshape(-1, self.width).max(1) if len(self) else np.zeros(0, np.int64)

    def add(self, sequences: Sequence[Encoded], amount: float) -> None:
        """Append one example."""
        self.width = len(sequences)
        for sequence in sequences:
            self.ids.fromlist(sequence.ids)
            self.weights.fromlist(sequence.weights)
            self.marks.append(sequence.mark)
            self.ends.append(len(self.ids))
        self.amounts.append(amount)


def encode_examples(
    examples: Iterable[Example], encoder: Encoder, objective: Objective, *, max_length: int, split: str
) -> EncodedExamples:
    """Every example of a split as ids and label weights, at most *max_length* tokens long.

    Raises ``BelleError`` when no example is left or more than half are lost.
    """
    encoded = encode_all(examples, encoder, objective, max_length=max_length)
    _check(encoded, max_length, split)
    return encoded


def encode_all(
    examples: Iterable[Example], encoder: Encoder, objective: Objective, *, max_length: int
) -> EncodedExamples:
    """The same, whatever is lost. An example is dropped when a sequence of it has no label left."""
    encoded = EncodedExamples()
    for one in chain.from_iterable(map(objective.expand, examples)):
        sequences = objective.encode(one, encoder)
        _check_weights(one, sequences)
        if objective.divides:
            for piece in divide(sequences[0], max_length):
                encoded.add([piece], objective.amount([piece]))
            continue
        cut = [_cut(sequence, max_length) for sequence in sequences]
        encoded.truncated += any(len(sequence.ids) > max_length for sequence in sequences)
        if all(max(sequence.weights[1:], default=0.0) > 0 for sequence in cut):
            encoded.add(cut, objective.amount(cut))
        else:
            encoded.dropped += 1
    return encoded


def divide(sequence: Encoded, length: int) -> Iterator[Encoded]:
    """Pieces of at most *length* tokens. Each begins with the last token of the one before, so that none goes unlearned."""
    for begin in range(0, max(1, len(sequence.ids) - 1), length - 1):
        end = begin + length
        piece = replace(sequence, ids=sequence.ids[begin:end], weights=sequence.weights[begin:end])
        if any(weight > 0 for weight in piece.weights[1:]):
            yield piece


def _cut(sequence: Encoded, length: int) -> Encoded:
    if len(sequence.ids) <= length:
        return sequence
    return replace(sequence, ids=sequence.ids[:length], weights=sequence.weights[:length])


def _check_weights(example: Example, sequences: Sequence[Encoded]) -> None:
    if not all(math.isfinite(sum(sequence.weights)) for sequence in sequences):
        raise BelleError(
            f"example {example.id} has a label weight that is no number, so nothing could be learned; correct the data",
            f"样本 {example.id} 的标签权重不是有效数字，无法学习；请修正数据",
        )


def _check(encoded: EncodedExamples, max_length: int, split: str) -> None:
    total = len(encoded) + encoded.dropped
    if total == 0:
        raise BelleError(f"the data has no {split} examples", f"数据中没有 {split} 样本")
    if not len(encoded):
        raise BelleError(
            f"none of the {total} {split} examples has a token to learn within {max_length} tokens; "
            "raise train.max_length, or look at one with `belle inspect`",
            f"{total} 条 {split} 样本在 {max_length} 个词元以内都没有可学习的词元；请调大 train.max_length，或用 `belle inspect` 查看样本",
        )
    if encoded.dropped > MOST_LOST * total:
        raise BelleError(
            f"{encoded.dropped} of {total} {split} examples lose all answer tokens when cut at {max_length} tokens; raise train.max_length",
            f"在 {max_length} 个词元处截断会使 {total} 条 {split} 样本中的 {encoded.dropped} 条失去全部回答；请调大 train.max_length",
        )
