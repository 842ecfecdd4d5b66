"""Conditions on examples (``--where category=math``), and the values they ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from belle_core.artifacts import Examples
from belle_core.conversation import Example
from belle_core.data import read_examples
from belle_core.data.questions import question_of
from belle_core.errors import BelleError
from belle_core.names import unknown

FIELDS: dict[str, Callable[[Example], Any]] = {
    "id": lambda e: e.id,
    "category": lambda e: e.category,
    "source": lambda e: e.source,
    "question": question_of,
    "answer": lambda e: e.conversation.answer if e.conversation else "",
    "system": lambda e: e.conversation.system if e.conversation else "",
    "text": lambda e: e.text or "",
    "turns": lambda e: len(e.conversation.turns) if e.conversation else 0,
}
"""What a condition may name, besides ``meta.<key>``."""


@dataclass(frozen=True)
class Condition:
    """``name=value`` or, for a part of the text, ``name~value``."""

    name: str
    within: bool
    value: str

    def holds(self, example: Example) -> bool:
        """Whether *example* meets it."""
        found = value_of(example, self.name)
        text = "" if found is None else str(found)
        return self.value in text if self.within else text == self.value


def value_of(example: Example, name: str) -> Any:
    """The value of a field; ``None`` for a key that ``meta`` does not have."""
    if not name.startswith("meta."):
        return FIELDS[name](example)
    value: Any = example.meta
    for key in name.split(".")[1:]:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def parse(text: str) -> Condition:
    """A condition as typed; raises ``BelleError``."""
    match = re.match(r"([^=~]+)([=~])(.*)", text, re.DOTALL)
    if match is None:
        raise BelleError(
            f"--where {text}: write name=value, or name~part of the text",
            f"--where {text}：请写成 名称=值，或 名称~部分文字",
        )
    name = known(match[1], f"--where {text}")
    return Condition(name, match[2] == "~", match[3])


def known(name: str, typed: str) -> str:
    """*name* if there is such a field; raises ``BelleError`` with the nearest right one."""
    if name not in FIELDS and not name.startswith("meta."):
        raise unknown("field", name, [*FIELDS, "meta.<key>"], typed=typed)
    return name


def splits_of(examples: Examples, split: str | None) -> list[str]:
    """The split of that name, or all; raises ``BelleError`` with the nearest right one."""
    if split is not None and split not in examples.splits:
        raise unknown("split", split, examples.splits, typed=f"--split {split}")
    return list(examples.splits) if split is None else [split]


def chosen(examples: Examples, split: str | None, where: tuple[str, ...]) -> Iterator[tuple[str, Example]]:
    """(split, example) of all that meet every condition, in order."""
    conditions = [parse(text) for text in where]
    for name in splits_of(examples, split):
        for example in read_examples(examples, name):
            if all(condition.holds(example) for condition in conditions):
                yield name, example
