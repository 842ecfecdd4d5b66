"""Cleaned examples that travel together: as lines, with what has to be known of them, so that nobody reads them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from belle_core.conversation import Example
from belle_core.data.personal import excerpt
from belle_core.data.questions import question_key, question_of
from belle_core.data.storage import length_of, line_of, parse_line, record_of
from belle_core.data.writing import ExamplesWriter


@dataclass
class Batch:
    """Several examples in order; the lists are equally long."""

    origin: Any = None
    """What the supply of the data said of the whole chunk."""
    wheres: list[str] = field(default_factory=list)
    """Where each stood."""
    lines: list[bytes] = field(default_factory=list)
    """Each as a line of JSON, with its end."""
    records: list[str] = field(default_factory=list)
    """What each can be used for."""
    characters: list[int] = field(default_factory=list)
    """Length of the text of each."""
    keys: list[bytes] = field(default_factory=list)
    """Key of each question; empty where nobody asked for them."""
    summaries: list[list[bytes]] = field(default_factory=list)
    """What each corpus filter that follows wants to know of each."""

    @classmethod
    def of(
        cls, origin: Any, wheres: list[str], examples: Sequence[Example], corpora: Sequence[Any], *, keys: bool
    ) -> Batch:
        """*examples* as lines, with the summaries for the filters *corpora*."""
        return cls(
            origin,
            wheres,
            list(map(line_of, examples)),
            list(map(record_of, examples)),
            list(map(length_of, examples)),
            list(map(question_key, examples)) if keys else [],
            [list(filter.summaries(examples)) for filter in corpora],
        )

    def __len__(self) -> int:
        return len(self.lines)

    def example(self, number: int) -> Example:
        """One of them, by its number from 0."""
        return parse_line(self.lines[number])

    def only(self, stay: Sequence[bool]) -> Batch:
        """Those that stay."""
        if all(stay):
            return self
        return Batch(
            self.origin,
            list(compress(self.wheres, stay)),
            list(compress(self.lines, stay)),
            list(compress(self.records, stay)),
            list(compress(self.characters, stay)),
            list(compress(self.keys, stay)),
            [list(compress(column, stay)) for column in self.summaries],
        )

    def write(self, writer: ExamplesWriter, split: str) -> None:
        """Add all of them to a split."""
        writer.write_lines(split, self.lines, records=self.records, characters=self.characters)


def apart(batch: Batch, known: dict[bytes, str], writer: ExamplesWriter, *, part: str = "") -> Batch:
    """The examples whose question is in no other part; *known* says which part has a question, and learns those of *part*.

    The others are rejected. Needs the keys of the questions where anything is known.
    """
    if not (known or part):
        return batch
    stay = [(known.setdefault(key, part) if part else known.get(key, part)) == part for key in batch.keys]
    for number in range(len(batch)):
        if not stay[number]:
            question = excerpt(question_of(batch.example(number)), around=100)
            writer.reject(batch.wheres[number], f"in_{known[batch.keys[number]]}", f"question: {question}")
    return batch.only(stay)
