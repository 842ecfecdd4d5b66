"""Encodes a split once, cuts what is too long, and counts what that costs."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np

from belle_core.conversation import Example
from belle_core.encoding import Encoded, Encoder, together
from belle_core.errors import BelleError
from belle_core.garbage import uncollected
from belle_core.training.objective import Objective

MOST_LOST = 0.5
"""Largest share of the examples that cutting may leave without anything to learn."""
AT_ONCE = 256
"""Examples that are encoded together."""


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
        ids, weights, lengths = together(sequences)
        self.extend(ids, weights, lengths, marks=[one.mark for one in sequences], amounts=[amount])

    def extend(
        self,
        ids: np.ndarray,
        weights: np.ndarray,
        lengths: np.ndarray,
        *,
        marks: Sequence[float],
        amounts: Sequence[float],
    ) -> None:
        """Append examples: ids and weights of all their sequences, one after another; an amount for each example."""
        self.width = len(lengths) // len(amounts) if amounts else self.width
        self.ends.frombytes((len(self.ids) + lengths.cumsum()).astype(np.int64).tobytes())
        self.ids.frombytes(ids.astype(np.int32, copy=False).tobytes())
        self.weights.frombytes(weights.astype(np.float32).tobytes())
        self.marks.extend(marks)
        self.amounts.extend(amounts)


def encode_examples(
    examples: Iterable[Example],
    encoder: Encoder,
    objective: Objective,
    *,
    max_length: int,
    split: str,
    most: bool = False,
) -> EncodedExamples:
    """Every example of a split as ids and label weights, at most *max_length* tokens long; *most*: the model takes no more.

    Raises ``BelleError`` when no example is left or more than half are lost.
    """
    encoded = encode_all(examples, encoder, objective, max_length=max_length)
    _check(encoded, max_length, split, most)
    return encoded


def encode_all(
    examples: Iterable[Example], encoder: Encoder, objective: Objective, *, max_length: int
) -> EncodedExamples:
    """The same, whatever is lost. An example is dropped when a sequence of it has no label left."""
    encoded = EncodedExamples()
    expanded = chain.from_iterable(objective.expand(example, encoder) for example in examples)
    with uncollected():
        while some := list(islice(expanded, AT_ONCE)):
            _encode(some, encoded, encoder, objective, max_length)
    return encoded


def _encode(
    examples: Sequence[Example], encoded: EncodedExamples, encoder: Encoder, objective: Objective, max_length: int
) -> None:
    """Add *examples* to *encoded*."""
    each = [objective.encode(example, encoder) for example in examples]
    width, sequences = len(each[0]), list(chain.from_iterable(each))
    ids, weights, lengths = together(sequences)
    starts = lengths.cumsum() - lengths
    if not np.isfinite(weights.sum()):
        bad = next(n for n in range(len(lengths)) if not np.isfinite(weights[starts[n] : starts[n] + lengths[n]]).all())
        raise _no_number(examples[bad // width])
    owner, begins, ends = (divided if objective.divides else cut)(lengths, max_length)
    begins, ends = starts[owner] + begins, starts[owner] + ends
    learned = np.concatenate([[0], (weights > 0).cumsum(dtype=np.int32)])
    kept = learned[ends] > learned[np.minimum(begins + 1, ends)]
    if not objective.divides:
        kept = kept.reshape(-1, width).all(1).repeat(width)
        encoded.dropped += int((~kept).sum()) // width
        encoded.truncated += int((lengths > max_length).reshape(-1, width).any(1).sum())
    whole = kept.all() and len(owner) == len(lengths) and (ends - begins == lengths).all()
    if not whole:
        owner, begins, lengths = owner[kept], begins[kept], (ends - begins)[kept]
        starts = lengths.cumsum() - lengths
        places = np.repeat(begins - starts, lengths) + np.arange(lengths.sum())
        ids, weights = ids[places], weights[places]
    weights[starts] = 0.0  # predicted from nothing
    sums = np.add.reduceat(weights, starts) if len(starts) else weights
    amounts = [objective.amount(one) for one in sums.reshape(-1, width).tolist()]
    encoded.extend(ids, weights, lengths, marks=[sequences[n].mark for n in owner.tolist()], amounts=amounts)


def cut(lengths: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first *length* tokens of each sequence: its number, where in it they begin and end."""
    return np.arange(len(lengths)), np.zeros_like(lengths), np.minimum(lengths, length)


def divided(lengths: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for all pieces of at most *length* tokens. Each begins with the last token of the one before, so that
    none goes unlearned."""
    pieces = np.maximum(1, -(-(lengths - 1) // (length - 1)))
    owner = np.repeat(np.arange(len(lengths)), pieces)
    begins = (np.arange(len(owner)) - np.repeat(pieces.cumsum() - pieces, pieces)) * (length - 1)
    return owner, begins, np.minimum(begins + length, lengths[owner])


def _no_number(example: Example) -> BelleError:
    return BelleError(
        f"example {example.id} has a label weight that is no number, so nothing could be learned; correct the data",
        f"样本 {example.id} 的标签权重不是有效数字，无法学习；请修正数据",
    )


def _check(encoded: EncodedExamples, max_length: int, split: str, most: bool) -> None:
    advice = (
        "the model's context is no longer: shorten the examples, or take another model"
        if most
        else "raise train.max_length"
    )
    chinese = "这已是模型的最大上下文：请缩短样本或换一个模型" if most else "请调大 train.max_length"
    total = len(encoded) + encoded.dropped
    if total == 0:
        raise BelleError(f"the data has no {split} examples", f"数据中没有 {split} 样本")
    if not len(encoded):
        raise BelleError(
            f"none of the {total} {split} examples has a token to learn within {max_length} tokens; "
            f"{advice}; `belle inspect` shows one",
            f"{total} 条 {split} 样本在 {max_length} 个词元以内都没有可学习的词元；{chinese}；可用 `belle inspect` 查看样本",
        )
    if encoded.dropped > MOST_LOST * total:
        raise BelleError(
            f"{encoded.dropped} of {total} {split} examples lose all answer tokens when cut at {max_length} tokens; {advice}",
            f"在 {max_length} 个词元处截断会使 {total} 条 {split} 样本中的 {encoded.dropped} 条失去全部回答；{chinese}",
        )
