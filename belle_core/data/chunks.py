"""A chunk of examples through the per-record filters: what every process does, and what it answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.storage import ExamplesWriter, line_of, parse_line, record_of, text_of


class Kept:
    """An example and its line in a file, each made from the other when it is asked for."""

    def __init__(self, example: Example | None = None, line: str | None = None, *more: Any) -> None:
        if example is not None:
            self.example = example
        if line is not None:
            self.line = line
        if more:
            self.record, self.characters, self.summaries = more

    summaries: tuple[bytes, ...] = ()
    """What the corpus filters that follow want to know."""

    @cached_property
    def record(self) -> str:
        """What the example can be used for."""
        return record_of(self.example)

    @cached_property
    def characters(self) -> int:
        """Length of its text."""
        return len(text_of(self.example))

    def write(self, writer: ExamplesWriter, split: str) -> None:
        """Add the example to a split."""
        writer.write_line(split, self.line, record=self.record, characters=self.characters)

    @cached_property
    def example(self) -> Example:
        """The example itself."""
        return parse_line(self.line)

    @cached_property
    def line(self) -> str:
        """The example as a line of JSON, with its end."""
        return line_of(self.example)


@dataclass
class Outcome:
    """What became of a chunk."""

    kept: list[tuple[int, str, str, int, tuple[bytes, ...]]] = field(default_factory=list)
    """Number in the chunk, line, kind of record, characters, and what the following corpus filters want to know."""
    dropped: list[tuple[int, int, str, str, str]] = field(default_factory=list)
    """Number in the chunk, number of the filter, id, reason and evidence."""
    changed: Counter[int] = field(default_factory=Counter)
    """Examples changed, by number of the filter."""
    added: Counter[int] = field(default_factory=Counter)
    """Examples more than before because some were divided, by number of the filter."""

    def plain(self) -> tuple[Any, ...]:
        """As values that can be sent to another process."""
        return self.kept, self.dropped, dict(self.changed), dict(self.added)

    @classmethod
    def of(cls, plain: tuple[Any, ...]) -> Outcome:
        """The inverse of :meth:`plain`."""
        kept, dropped, changed, added = plain
        return cls(kept, dropped, Counter(changed), Counter(added))


class Chain:
    """Per-record filters in order, and the corpus filters that follow them."""

    def __init__(self, records: Sequence[Any], corpora: Sequence[Any]) -> None:
        self.records: list[Callable[[Example], Any]] = list(records)
        self.corpora = list(corpora)

    def __call__(self, lines: Sequence[str]) -> Outcome:
        """Filter the examples in *lines*; an error of a filter says which record it happened on."""
        outcome = Outcome()
        for number, line in enumerate(lines):
            before = example = parse_line(line)
            try:
                for after in self._through(example, 0, number, outcome):
                    text = line if after is before else line_of(after)
                    summaries = tuple([f.summary(after) for f in self.corpora])
                    outcome.kept.append((number, text, record_of(after), len(text_of(after)), summaries))
            except Exception as error:
                error.add_note(f"while cleaning this record: {line[:500]}")
                raise
        return outcome

    def _through(self, example: Example, first: int, number: int, outcome: Outcome) -> Iterator[Example]:
        """What is left of *example* after the filters from number *first* on."""
        for place in range(first, len(self.records)):
            result = self.records[place](example)
            if result is example:
                continue
            if isinstance(result, Drop):
                outcome.dropped.append((number, place, example.id, result.reason, result.evidence))
                return
            outcome.changed[place] += 1
            if isinstance(result, Example):
                example = result
                continue
            outcome.added[place] += len(result) - 1
            for piece in result:
                yield from self._through(piece, place + 1, number, outcome)
            return
        yield example


def chain_in_worker(records: list[list[Any]], corpora: list[list[Any]]) -> Callable[[list[str]], tuple[Any, ...]]:
    """The chain that the filters' recipes make, for :class:`belle_core.data.workers.Pool`."""
    chain = Chain([_built(*recipe) for recipe in records], [_built(*recipe) for recipe in corpora])
    return lambda lines: chain(lines).plain()


def _built(run: str, config: str, values: dict[str, Any]) -> Any:
    return _object(run)(_object(config)(**values))


def _object(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
