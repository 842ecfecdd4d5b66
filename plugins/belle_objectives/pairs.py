"""What all losses on pairs of answers share: how a pair becomes two sequences, and what is reported of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from belle_core.conversation import Example
from belle_core.encoding import Encoded, Encoder
from belle_core.training.objective import Objective


class Pairs(Objective):
    """A loss per pair; the last answer alone is learned, whatever was said before it."""

    logits = "scores"
    vanishes = True  # where all pairs are told apart for sure there is nothing to learn
    names = ("chosen", "rejected")

    def expand(self, example: Example, encoder: Encoder) -> Iterator[Example]:
        """Every pair of answers that the example ranks: of 4 answers 6 pairs (arXiv 2203.02155, section 3.5)."""
        assert example.conversation is not None
        answers = [example.conversation.answer, *example.rejected]
        for better, worse in combinations(answers, 2):
            yield replace(example, conversation=example.conversation.answered(better), rejected=(worse,))

    def encode(self, example: Example, encoder: Encoder) -> Sequence[Encoded]:
        """Chosen and rejected."""
        assert example.conversation is not None
        return tuple(
            encoder.encode(example.conversation.answered(answer))
            for answer in (example.conversation.answer, *example.rejected)
        )

    def amount(self, learned: Sequence[float]) -> float:
        """Every pair counts once."""
        return 1.0
