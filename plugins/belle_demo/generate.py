"""Makes the splits: the same test questions for every selection of training data, and none of them ever trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from random import Random
from unicodedata import category as unicode_category

from belle_core.conversation import Conversation, Example, Turn
from belle_demo.catalog import BASE, SKILLS
from belle_demo.skill import Item, Skill, shuffled

TEST_SIZE = 420
DEV_SIZE = 140
OPERATORS = "+-×="


def generate(
    *, seed: int, size: int = 6800, skills: tuple[str, ...] = BASE, replay: float = 0.0
) -> dict[str, list[Example]]:
    """Splits ``train``, ``dev`` and ``test`` of single questions with short, right answers.

    ``size`` is the number of training examples; a smaller size gives a part of a larger one. ``skills`` are trained on;
    the share ``replay`` of the training examples comes from the base skills that are not among them. ``test`` depends
    on the seed alone and holds every skill; ``dev`` holds the skills of ``train``.

    When ``size`` is more than there is, all there is comes back.
    """
    pools = {name: split(skill, seed) for name, skill in SKILLS.items()}
    others = tuple(name for name in BASE if name not in skills) if replay else ()
    replayed = round(size * replay) if others else 0
    return {
        "train": mixed(pools, "train", skills)[: size - replayed] + mixed(pools, "train", others)[:replayed],
        "dev": mixed(pools, "dev", (*skills, *others)),
        "test": mixed(pools, "test", tuple(SKILLS)),
    }


def mixed(pools: dict[str, dict[str, list[Example]]], part: str, skills: tuple[str, ...]) -> list[Example]:
    """The skills' examples interleaved, so that every beginning holds them in proportion to their weights."""
    ranked = [
        ((rank + 0.5) / SKILLS[name].weight, name, example)
        for name in skills
        for rank, example in enumerate(pools[name][part])
    ]
    return [example for *_, example in sorted(ranked, key=lambda entry: entry[:2])]


def split(skill: Skill, seed: int) -> dict[str, list[Example]]:
    """One skill's examples, topic by topic in turn: test first, then dev, the rest for training.

    A skill has its own stream of random numbers, so it does not change when others come or go.
    """
    random = Random(f"{seed}/{skill.name}")
    items = by_topic(distinct(shuffled(random, skill.items(random))))
    examples = [to_example(skill, number, item) for number, item in enumerate(items)]
    test, dev = held_out(skill)
    return {"test": examples[:test], "dev": examples[test : test + dev], "train": examples[test + dev :]}


def held_out(skill: Skill) -> tuple[int, int]:
    """How many test and dev examples: categories count alike, skills within one by their weights."""
    categories = {other.category for other in SKILLS.values()}
    of_category = sum(other.weight for other in SKILLS.values() if other.category == skill.category)
    share = skill.weight / of_category / len(categories)
    return round(TEST_SIZE * share), round(DEV_SIZE * share)


def by_topic(items: Iterable[Item]) -> list[Item]:
    """The first item of every topic, then every second one, and so on."""
    topics: dict[str, list[Item]] = defaultdict(list)
    ranked = []
    for item in items:
        ranked.append((len(topics[item.topic]), item))
        topics[item.topic].append(item)
    return [item for _, item in sorted(ranked, key=lambda entry: entry[0])]


def distinct(items: Iterable[Item]) -> list[Item]:
    """The items without those that ask what an earlier one asked."""
    seen: dict[str, Item] = {}
    for item in items:
        seen.setdefault(folded("".join(text for pair in item.earlier for text in pair) + item.question), item)
    return list(seen.values())


def folded(text: str) -> str:
    """A question without spaces and punctuation; arithmetic signs stay, they change what is asked."""
    return "".join(c for c in text if c in OPERATORS or not unicode_category(c).startswith(("P", "Z", "C")))


def to_example(skill: Skill, number: int, item: Item) -> Example:
    """The item as the shape that all data has."""
    earlier = [
        Turn(role, text) for pair in item.earlier for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    turns = (*earlier, Turn("user", item.question), Turn("assistant", item.answer))
    return Example(
        id=f"{skill.name}-{number}",
        conversation=Conversation(turns),
        category=skill.category,
        source="demo",
        meta={"skill": skill.name},
    )
