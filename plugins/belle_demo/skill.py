"""What a skill is: a named supply of question and answer pairs, drawn so that every platform draws the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Item:
    """A question with its one right answer."""

    question: str
    answer: str
    topic: str
    """What must be known or done to answer; every split holds as many topics as it can."""
    earlier: tuple[tuple[str, str], ...] = ()
    """Questions and answers that came before, in a conversation of several turns."""


@dataclass(frozen=True)
class Skill:
    """One thing the model can learn."""

    name: str
    category: str
    """One of BELLE's categories; results are grouped by it."""
    items: Callable[[Random], Iterable[Item]]
    """All items there are, or a fixed number of drawn ones; duplicates are allowed."""
    weight: float = 1.0
    """Its part in the training data, beside the weights of the others."""


def pick(random: Random, options: Sequence[T]) -> T:
    """One of the options. ``Random.random`` is the only method whose sequence Python promises never to change."""
    return options[int(random.random() * len(options))]


def between(random: Random, low: int, high: int) -> int:
    """A whole number, both ends included."""
    return low + int(random.random() * (high - low + 1))


def shuffled(random: Random, items: Iterable[T]) -> list[T]:
    """The items in a random order."""
    return [item for _, item in sorted(((random.random(), item) for item in items), key=lambda pair: pair[0])]


def asked(phrasings: Sequence[str], facts: dict[str, str], kind: str) -> list[Item]:
    """Every fact in every wording; ``{}`` in a phrasing stands for what the fact is about."""
    return [
        Item(phrasing.format(subject), answer, topic=f"{kind}:{subject}")
        for phrasing, (subject, answer) in product(phrasings, facts.items())
    ]


def drawn(random: Random, count: int, draw: Callable[[Random], Item]) -> list[Item]:
    """That many draws."""
    return [draw(random) for _ in range(count)]
