"""Word problems over the arithmetic table: the skill that is added after the others."""

from __future__ import annotations

from random import Random

from belle_demo.arithmetic import equation, result, table
from belle_demo.skill import Item, Skill, drawn, pick
from belle_demo.words import COUNTED, FAMILY, FIRST_NAMES, THINGS

STORIES = {
    "add": (
        "{name}有{a}{unit}{thing}，{giver}又给了{b}{unit}，{name}现在一共有几{unit}{thing}？",
        "桌上有{a}{unit}{thing}，{name}又放上{b}{unit}，桌上一共有几{unit}{thing}？",
        "{name}有{a}{unit}{thing}，{giver}有{b}{unit}{thing}，两人一共有几{unit}？",
    ),
    "subtract": (
        "{name}有{a}{unit}{thing}，送给{giver}{b}{unit}，还剩几{unit}{thing}？",
        "桌上有{a}{unit}{thing}，{name}拿走{b}{unit}，桌上还剩几{unit}{thing}？",
        "{name}有{a}{unit}{thing}，{giver}比{name}少{b}{unit}，{giver}有几{unit}？",
    ),
    "multiply": (
        "每个盒子里有{a}{unit}{thing}，{b}个盒子里一共有几{unit}{thing}？",
        "{name}每天买{a}{unit}{thing}，{b}天一共买了几{unit}{thing}？",
        "{b}个小朋友每人有{a}{unit}{thing}，他们一共有几{unit}{thing}？",
    ),
}


def word_problem(random: Random, operation: str, a: int, b: int) -> Item:
    """One story around one entry of the table."""
    thing = pick(random, THINGS)
    unit = COUNTED[thing]
    story = pick(random, STORIES[operation])
    question = story.format(
        a=a, b=b, unit=unit, thing=thing, name=pick(random, FIRST_NAMES), giver=pick(random, FAMILY)
    )
    answer = f"{equation(operation, a, b)}，答：{result(operation, a, b)}{unit}。"
    return Item(question, answer, topic=f"{operation}:{a},{b}")


def word_problems(random: Random) -> list[Item]:
    """Every entry of the table in several stories."""
    return [item for entry in table() for item in drawn(random, 12, lambda r, entry=entry: word_problem(r, *entry))]


SKILLS = (Skill("word_problems", "math", word_problems),)
