"""A random part of the data; whether an example is in it depends on the seed and the example, not on its neighbours."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np

from belle_core.conversation import Example
from belle_core.data.corpus import Corpus
from belle_core.data.filters import Drop
from belle_core.data.storage import line_of
from belle_filters.corpus_config import SampleConfig

LARGEST = 1 << 64


class Sample:
    """Every example has a number that is as good as random; the smallest ones are kept. Memory: 8 bytes an example for ``count``, for a moment twice that."""

    def __init__(self, config: SampleConfig) -> None:
        self.config = config
        self.whole = config.count is not None
        self._key = config.seed.to_bytes(8, "little", signed=True)

    def summaries(self, examples: Sequence[Example]) -> list[bytes]:
        """The examples' numbers, 8 bytes each, the most significant first."""
        return [blake2b(line_of(example), digest_size=8, key=self._key).digest() for example in examples]

    def decide(self, corpus: Corpus) -> Iterator[Drop | None]:
        """Drops the examples whose number is too large."""
        numbers = (int.from_bytes(summary, "big") for summary in corpus.summaries())
        if self.config.count is None:
            limit = int(self.config.share * LARGEST)
            yield from (None if number < limit else Drop() for number in numbers)
            return
        limit, ties = smallest(array("Q", numbers), self.config.count)
        for summary in corpus.summaries():
            number = int.from_bytes(summary, "big")
            ties -= number == limit
            yield None if number < limit or (number == limit and ties >= 0) else Drop()


def smallest(numbers: array[int], count: int) -> tuple[int, int]:
    """The largest of the *count* smallest numbers, and how many of just this number are among them."""
    if len(numbers) <= count:
        return LARGEST, 0
    all_numbers = np.frombuffer(numbers, np.uint64)
    limit = np.partition(all_numbers, count - 1)[count - 1]
    return int(limit), count - int(np.count_nonzero(all_numbers < limit))
