"""Many sequences as flat arrays: ids and weights one after another, put together without a step per token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from belle_core.tokenization.segments import SegmentEncoder

if TYPE_CHECKING:
    from belle_core.encoding import Segment

TEXT = -1  # in the place of a special token's id


class Flat(NamedTuple):
    """Sequences one after another."""

    ids: np.ndarray
    """(tokens,) int32."""
    weights: np.ndarray
    """(tokens,) float64."""
    lengths: np.ndarray
    """(sequences,) int64."""


def flat(ids: Sequence[list[int]], weights: Sequence[list[float]]) -> Flat:
    """Of lists."""
    return Flat(
        np.fromiter(chain.from_iterable(ids), np.int32),
        np.fromiter(chain.from_iterable(weights), np.float64),
        np.fromiter(map(len, ids), np.int64, len(ids)),
    )


def flat_segments(
    sequences: Sequence[Sequence[Segment]], encoder: SegmentEncoder, special_id: Callable[[str], int]
) -> Flat:
    """Of segments; all their texts are encoded at once. The first token of a sequence has no weight: nothing comes
    before it to predict it from."""
    special: list[int] = []
    weights: list[float] = []
    texts: list[str] = []
    after: list[bool] = []
    for segments in sequences:
        after_text = False
        for text, name, weight in segments:
            weights.append(weight)
            if name:
                special.append(special_id(name))
                after_text = False
            else:
                special.append(TEXT)
                texts.append(text)
                after.append(after_text)
                after_text = after_text or bool(text)
    text_ids, text_counts = encoder.encode_many(texts, after)
    of_segment, counts = np.array(special, np.int32), np.ones(len(special), np.int64)
    counts[of_segment == TEXT] = text_counts
    ids = np.repeat(of_segment, counts)
    ids[ids == TEXT] = text_ids
    of_token = np.repeat(np.array(weights, np.float64), counts)
    bounds = np.concatenate([[0], counts.cumsum()])[np.cumsum([0, *map(len, sequences)])]
    of_token[bounds[:-1][bounds[:-1] < len(ids)]] = 0.0
    return Flat(ids, of_token, np.diff(bounds))
