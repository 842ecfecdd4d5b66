"""Near duplicates: keys of MinHash signatures propose pairs, the exact Jaccard index of character n-grams decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from belle_core.conversation import Example
from belle_core.data.corpus import Stored
from belle_core.data.filters import Drop
from belle_core.data.neighbours import Neighbours
from belle_core.data.normalising import all_normalised_in
from belle_core.data.personal import excerpt
from belle_core.data.questions import question_of
from belle_core.data.shingles import Shingles
from belle_duplicates.config import NearConfig
from belle_duplicates.texts import compared


class Near:
    """Reason: the filter's name alone.

    An example is dropped when it is like an earlier one that is kept. Chains are not followed: of three of which the last is like the second
    only, and the second is gone, the last stays. So whatever is dropped has its like in what is left.
    """

    whole = True

    def __init__(self, config: NearConfig) -> None:
        self.by = config.by
        self.shingles = Shingles(threshold=config.threshold, size=config.size, short=config.short)

    def summaries(self, examples: Sequence[Example]) -> list[bytes]:
        """Keys that like texts have in common."""
        return self.shingles.keys(self._texts(examples))

    def _texts(self, examples: Iterable[Example]) -> list[str]:
        return list(map("\n".join, all_normalised_in(compared(example, self.by) for example in examples)))

    def decide(self, corpus: Stored) -> Iterator[Drop | None]:
        """Drops every example that is like an earlier one that stays."""
        if not len(corpus):
            return
        texts = lambda numbers: self._texts(corpus[number] for number in numbers)  # noqa: E731
        neighbours = Neighbours(
            corpus.summary_file, len(corpus), shingles=self.shingles, texts=texts, scratch=corpus.scratch
        )
        for number, linked in neighbours.linked():
            kept, likeness = next(neighbours.alike(number), (-1, 0.0)) if linked else (-1, 0.0)
            if kept < 0:
                yield None
                continue
            neighbours.leave_out(number)
            same = corpus[kept]
            yield Drop(evidence=f"{likeness:.2f} {same.id}: {excerpt(question_of(same), around=200)}")
