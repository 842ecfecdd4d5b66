"""Answers that stand in a short text, or in what the user said one turn earlier."""

from __future__ import annotations

from random import Random

from belle_demo.skill import Item, Skill, between, drawn, pick
from belle_demo.words import CITIES, FIRST_NAMES, HOBBIES, THINGS

PROFILES = (
    "{name}今年{age}岁，住在{city}，喜欢{hobby}。", "住在{city}的{name}喜欢{hobby}，今年{age}岁。",
    "{name}喜欢{hobby}，今年{age}岁，家在{city}。",
)  # fmt: skip
PROFILE_QUESTIONS = {
    "{age}岁": ("{name}几岁了？", "{name}今年多大？"),
    "{city}": ("{name}住在哪里？", "{name}的家在哪个城市？"),
    "{hobby}": ("{name}喜欢做什么？", "{name}的爱好是什么？"),
}
FRAMES = (
    "{text}{question}", "{text}请问，{question}", "根据短文回答：{text}{question}", "短文：{text}问题：{question}",
)  # fmt: skip
INTRODUCTIONS = (
    "我叫{name}，我最喜欢{favourite}。",
    "你好，我是{name}，我喜欢{favourite}。",
    "大家叫我{name}，我爱{favourite}。",
)
RECALLED = (
    ("我叫什么名字？", "{name}"), ("我是谁？", "{name}"), ("我喜欢什么？", "{favourite}"), ("我的爱好是什么？", "{favourite}"),
)  # fmt: skip
COUNT = 3000


def profile(random: Random) -> Item:
    """A person's age, home or hobby."""
    slots = {
        "name": pick(random, FIRST_NAMES), "age": between(random, 6, 12),
        "city": pick(random, CITIES), "hobby": pick(random, HOBBIES),
    }  # fmt: skip
    answer = pick(random, sorted(PROFILE_QUESTIONS))
    text, question = pick(random, PROFILES).format(**slots), pick(random, PROFILE_QUESTIONS[answer]).format(**slots)
    return Item(pick(random, FRAMES).format(text=text, question=question), answer.format(**slots), topic=answer)


def recall(random: Random) -> Item:
    """The user tells a name and a favourite, then asks for one of them."""
    name, favourite = pick(random, FIRST_NAMES), pick(random, HOBBIES + THINGS)
    told = pick(random, INTRODUCTIONS).format(name=name, favourite=favourite)
    question, answer = pick(random, RECALLED)
    earlier = ((told, f"你好，{name}！"),)
    return Item(question, answer.format(name=name, favourite=favourite), topic=question, earlier=earlier)


SKILLS = (
    Skill("reading", "closed qa", lambda random: drawn(random, COUNT, profile), weight=1.5),
    Skill("recall", "closed qa", lambda random: drawn(random, COUNT // 2, recall), weight=0.5),
)
