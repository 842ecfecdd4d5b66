"""Contamination: what an example asks is looked up among the questions of an evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from belle_contamination.config import ContaminationConfig
from belle_contamination.evaluations import questions_in
from belle_contamination.index import Questions
from belle_core.conversation import Example
from belle_core.data.corpus import Corpus
from belle_core.data.filters import Drop, Keep
from belle_core.data.personal import redacted
from belle_core.errors import BelleError

RECENT = 256
"""Texts of which it is known what stands in them; many examples have the same system text."""
SHOWN = 500
"""Characters of either side in ``contamination.jsonl``."""


class Contamination:
    """Reasons: ``exact`` (apart from case, width, white space and punctuation), ``near``."""

    whole = False

    def __init__(self, config: ContaminationConfig) -> None:
        self.config = config
        found = list(questions_in(config.against))
        if not found:
            raise BelleError(f"against={config.against}: no such file", f"against={config.against}：没有这个文件")
        self._places = [str(place) for place, _ in found]
        self._texts = [text for _, text in found]
        self._files = sorted({place.source.name for place, _ in found})
        self._questions = Questions(self._texts, size=config.size, threshold=config.threshold)
        self._find = lru_cache(RECENT)(self._questions.find)
        self._hits: set[int] = set()
        self._examples = 0

    def summaries(self, examples: Sequence[Example]) -> list[bytes]:
        """The question that was found, which share of it, and what the example asks; nothing for most examples."""
        return list(map(self._summary, examples))

    def _summary(self, example: Example) -> bytes:
        hits = [(hit, text) for text in asked(example) if (hit := self._find(text))]
        if not hits:
            return b""
        (number, share), text = max(hits, key=lambda found: found[0][1])
        return json.dumps([number, round(share, 3), redacted(text)[:SHOWN]]).encode("utf-8")

    def decide(self, corpus: Corpus) -> Iterator[Drop | Keep | None]:
        """Every hit with both questions side by side."""
        for summary in corpus.summaries():
            if not summary:
                yield None
                continue
            number, share, text = json.loads(summary)
            self._hits.add(number)
            self._examples += 1
            note = {
                "share": share,
                "evaluation": self._places[number],
                "evaluated": redacted(self._texts[number])[:SHOWN],
                "trained": text,
            }
            kind, evidence = "exact" if share == 1 else "near", f"{share:.2f} {self._places[number]}: {text}"
            yield Drop(kind, evidence, note=note) if self.config.remove else Keep(note)

    def found(self) -> dict[str, Any]:
        """What the artifact keeps of it."""
        return {
            "against": self._files,
            "questions": len(self._texts),
            "questions_found": len(self._hits),
            "examples_found": self._examples,
            "removed": self.config.remove,
        }


def asked(example: Example) -> list[str]:
    """Everything the user says, turn by turn, and the system text; the whole text of an example that is no conversation."""
    if example.conversation is None:
        return [example.text or ""]
    texts = [turn.text for turn in example.conversation.turns if turn.role == "user"]
    return [*texts, example.conversation.system] if example.conversation.system else texts
