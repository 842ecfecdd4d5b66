"""What a set of examples is like, in one pass over it with bounded memory."""

from __future__ import annotations

import json
from typing import Any

from belle_core.artifacts import MANIFEST, Examples
from belle_core.conversation import Example
from belle_core.data import read_examples
from belle_core.data.languages import language_of
from belle_core.data.questions import question_key, question_of
from belle_core.data.storage import text_of
from belle_core.language import say
from belle_core.progress import track
from belle_data.counting import Names, Repeats, Reservoir, Sizes
from belle_data.words import words_of

QUESTIONS = 5000
"""Questions from which verbs and topics are taken."""
SHOWN = 6
"""Examples on the page."""
EVIDENCE = 3
"""Dropped records kept per reason."""
REASONS = 200


class Statistics:
    """Counts over all splits together; ``splits`` tells them apart."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples
        self.lengths = {name: Sizes() for name in ("example", "question", "answer", "rejected")}
        self.turns = Sizes()
        self.languages, self.categories, self.sources = Names(), Names(), Names()
        self.repeats = Repeats()
        self.questions: Reservoir[str] = Reservoir(QUESTIONS)
        self.shown: Reservoir[tuple[str, Example]] = Reservoir(SHOWN)
        self.evidence: dict[str, Reservoir[dict[str, str]]] = {}

    def add(self, split: str, example: Example) -> None:
        """Count one example."""
        question = question_of(example)
        self.lengths["example"].add(len(text_of(example)))
        if example.conversation is not None:
            self.lengths["question"].add(len(question))
            self.turns.add(len(example.conversation.turns))
            for turn in example.conversation.turns:
                if turn.role == "assistant":
                    self.lengths["answer"].add(len(turn.text))
            self.questions.add(question[:500])
        for answer in example.rejected:
            self.lengths["rejected"].add(len(answer))
        self.languages.add(language_of(question, detect=False) or "?")
        self.categories.add(example.category or "-")
        self.sources.add(example.source or "-")
        self.repeats.add(int.from_bytes(question_key(example), "little"))
        self.shown.add((split, example))

    def add_dropped(self, record: dict[str, str]) -> None:
        """Keep what shows why a record was dropped."""
        reason = record["reason"]
        if reason in self.evidence or len(self.evidence) < REASONS:
            self.evidence.setdefault(reason, Reservoir(EVIDENCE)).add(record)

    def plain(self) -> dict[str, Any]:
        """As JSON; the keys are documented in ``docs/looking.md``."""
        examples = self.examples
        return {
            "fingerprint": examples.fingerprint,
            "record": examples.record,
            "splits": examples.splits,
            "characters": examples.characters,
            "licences": examples.licences,
            "lengths": {name: sizes.plain() for name, sizes in self.lengths.items()},
            "turns": self.turns.plain(),
            "languages": self.languages.plain(),
            "categories": self.categories.plain(),
            "sources": self.sources.plain(),
            "duplicates": self.repeats.plain() | {"near_dropped": _near(examples)},
            "words": words_of(self.questions.items),
            "cleaned": examples.cleaned,
            "found": examples.found,
            "rejected": examples.rejected,
            "evidence": {reason: kept.items for reason, kept in self.evidence.items()},
        }


def count(examples: Examples) -> Statistics:
    """All examples and all dropped records of an artifact, counted."""
    found = Statistics(examples)
    total = sum(examples.splits.values())
    every = ((split, example) for split in examples.splits for example in read_examples(examples, split))
    for split, example in track(every, total=total, label=say("counting", "统计")):
        found.add(split, example)
    if (path := examples.directory / "rejected.jsonl").is_file():
        with path.open(encoding="utf-8") as file:
            for record in map(json.loads, file):
                found.add_dropped(record)
    return found


def _near(examples: Examples) -> int | None:
    """Records that a filter for near duplicates dropped; ``None`` when there was none."""
    recipe = json.loads((examples.directory / MANIFEST).read_text(encoding="utf-8"))["recipe"]
    filters = [(name, options) for name, options in (recipe.get("config") or {}).get("clean") or [] if options]
    names = [name for name, options in filters if str(options.get("part", "")).startswith("filter/near/")]
    return sum(examples.cleaned.get(name, {}).get("dropped", 0) for name in names) if names else None
