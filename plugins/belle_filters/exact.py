"""Exact duplicates after normalising: the first of them stays. Memory is about 16 bytes a record, in one flat table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

from belle_core.conversation import Example
from belle_core.data.corpus import Corpus
from belle_core.data.filters import Drop
from belle_core.data.questions import normalised
from belle_filters.corpus_config import ExactConfig
from belle_filters.digests import DigestSet


class Exact:
    """Reason: the filter's name alone. Case, width, white space and punctuation do not tell texts apart; who speaks does."""

    whole = False

    def __init__(self, config: ExactConfig) -> None:
        self.config = config

    def summaries(self, examples: Sequence[Example]) -> list[bytes]:
        """16 bytes for each that are equal for equal examples."""
        return [
            blake2b("\0".join(self._texts(example)).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            for example in examples
        ]

    def _texts(self, example: Example) -> Iterator[str]:
        conversation = example.conversation
        if conversation is None:
            yield normalised(example.text or "")
            return
        if self.config.by == "question":
            conversation = conversation.prompt()
        yield normalised(conversation.system) if conversation.system else ""
        for turn in conversation.turns:
            yield normalised(turn.text)
        if self.config.by == "conversation":
            yield from map(normalised, example.rejected)

    def decide(self, corpus: Corpus) -> Iterator[Drop | None]:
        """Drops every example whose summary was there before."""
        seen = DigestSet()
        for digest in corpus.summaries():
            yield None if seen.add(digest) else Drop(evidence=f"the same as an earlier one ({digest.hex()})")
