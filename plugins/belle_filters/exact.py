"""Exact duplicates after normalising: the first of them stays. Memory is about 16 bytes a record, in one flat table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

from belle_core.conversation import Example
from belle_core.data.corpus import Corpus
from belle_core.data.filters import Drop
from belle_core.data.normalising import all_normalised_in
from belle_filters.corpus_config import ExactConfig
from belle_filters.digests import DigestSet


class Exact:
    """Reason: the filter's name alone. Case, width, white space and punctuation do not tell texts apart; who speaks does."""

    whole = False

    def __init__(self, config: ExactConfig) -> None:
        self.config = config

    def summaries(self, examples: Sequence[Example]) -> list[bytes]:
        """16 bytes for each that are equal for equal examples."""
        joined = map("\0".join, all_normalised_in(map(self._texts, examples)))
        return [blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in joined]

    def _texts(self, example: Example) -> list[str]:
        conversation = example.conversation
        if conversation is None:
            return [example.text or ""]
        if self.config.by == "question":
            conversation = conversation.prompt()
        texts = [conversation.system, *(turn.text for turn in conversation.turns)]
        return [*texts, *example.rejected] if self.config.by == "conversation" else texts

    def decide(self, corpus: Corpus) -> Iterator[Drop | None]:
        """Drops every example whose summary was there before."""
        seen = DigestSet()
        for digest in corpus.summaries():
            yield None if seen.add(digest) else Drop(evidence=f"the same as an earlier one ({digest.hex()})")
