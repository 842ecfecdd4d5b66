"""One short sentence that keeps who did what where, out of a text that says more."""

from __future__ import annotations

from random import Random

from belle_demo.skill import Item, Skill, drawn, pick
from belle_demo.words import DAYS, FAMILY, FIRST_NAMES, OUTINGS

WEATHER = ("天气很好", "阳光明媚", "风和日丽", "天气晴朗", "刮着大风", "天气很冷")
ENDINGS = ("大家都很开心", "回家时天已经黑了", "晚上睡得很香", "玩得非常高兴", "还拍了很多照片")
TEXTS = (
    "{day}{weather}，{name}和{other}来到{place}{activity}，{ending}。",
    "{weather}，{day}{name}跟{other}去{place}{activity}，{ending}。",
    "{day}，{name}在{place}{activity}，{weather}，{ending}。",
)  # fmt: skip
PHRASINGS = ("用一句话概括：{}", "请总结这段话：{}", "{}请概括大意。", "这段话主要讲了什么？{}")
COUNT = 3000


def summary(random: Random) -> Item:
    """A text of three clauses and its gist."""
    name, place = pick(random, FIRST_NAMES), pick(random, sorted(OUTINGS))
    activity = pick(random, OUTINGS[place])
    text = pick(random, TEXTS).format(
        name=name, other=pick(random, FAMILY), place=place, activity=activity,
        day=pick(random, DAYS), weather=pick(random, WEATHER), ending=pick(random, ENDINGS),
    )  # fmt: skip
    return Item(pick(random, PHRASINGS).format(text), f"{name}在{place}{activity}。", topic=place)


def summaries(random: Random) -> list[Item]:
    """Drawn over texts and wordings."""
    return drawn(random, COUNT, summary)


SKILLS = (Skill("summaries", "summarization", summaries, weight=1.0),)
