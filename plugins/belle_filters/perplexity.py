"""How likely a language model finds a text: the exponential of the mean loss of a token in nats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from belle_core.conversation import Example
from belle_core.data.corpus import Corpus
from belle_core.data.filters import Drop
from belle_core.data.storage import line_of
from belle_core.errors import BelleError
from belle_core.generation.checkpoint import is_checkpoint
from belle_core.generation.journal import Journal
from belle_filters.corpus_config import PerplexityConfig

WINDOW = 16
"""Batches that are read at once, so that examples of like length are scored together."""


class Perplexity:
    """Reasons: ``high``, ``low``. Examples without a token to predict are kept. Scores are kept in the scratch folder as they are made."""

    whole = False
    asks_a_model = True

    def __init__(self, config: PerplexityConfig) -> None:
        self.config, self.directory = config, Path(config.model).expanduser()
        if not is_checkpoint(self.directory):
            raise BelleError(
                f"the perplexity filter needs a model in Hugging Face layout; {config.model} is no such directory",
                f"困惑度过滤器需要 Hugging Face 格式的模型；{config.model} 不是这样的目录",
            )

    def summaries(self, examples: Sequence[Example]) -> list[bytes]:
        """Nothing: the examples themselves are needed."""
        return [b""] * len(examples)

    def decide(self, corpus: Corpus) -> Iterator[Drop | None]:
        """Drops what lies outside ``min`` to ``max``."""
        corpus.scratch.mkdir(parents=True, exist_ok=True)
        journal = Journal(corpus.scratch / "losses.jsonl")
        earlier = (record for _, record in journal.records() if "key" in record)
        known: dict[str, float | None] = {}
        examples, scorer = corpus.examples(), None
        while window := list(islice(examples, WINDOW * self.config.batch)):
            keys = [blake2b(line_of(example), digest_size=16).hexdigest() for example in window]
            for key in keys:  # in the journal those of a window stand together
                while key not in known and (record := next(earlier, None)):
                    known[record["key"]] = record["loss"]
            new = {key: example for key, example in zip(keys, window) if key not in known}
            if new:
                scorer = scorer or self._scorer()
                for some in scorer.batches(list(new.values())):
                    losses = scorer.losses(some)
                    records = [{"key": list(new)[number], "loss": loss} for number, loss in zip(some, losses)]
                    journal.append(records)
                    known |= {record["key"]: record["loss"] for record in records}
            yield from (self._decision(known[key]) for key in keys)
            for key in set(keys):  # else the scores of all examples would be in memory
                del known[key]

    def _decision(self, loss: float | None) -> Drop | None:
        perplexity = math.exp(min(loss, 700.0)) if loss is not None else None
        if perplexity is not None and self.config.max is not None and perplexity > self.config.max:
            return Drop("high", f"{perplexity:.1f}")
        if perplexity is not None and self.config.min is not None and perplexity < self.config.min:
            return Drop("low", f"{perplexity:.1f}")
        return None

    def _scorer(self):  # type: ignore[no-untyped-def]
        from belle_filters.scorer import Scorer  # brings torch along

        return Scorer(self.directory, of=self.config.of, length=self.config.length, batch=self.config.batch)
