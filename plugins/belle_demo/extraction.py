"""Copying one detail out of a notice or an order."""

from __future__ import annotations

from random import Random

from belle_demo.skill import Item, Skill, between, drawn, pick
from belle_demo.words import CITIES, COUNTED, DAYS, GIVEN_NAMES, SURNAMES, THINGS

TEXTS = {
    "通知": ("{day}{hour}点在{room}室开会，联系人{person}。", "{person}通知：{day}{hour}点到{room}室开会。"),
    "订单": ("{person}买了{count}{unit}{thing}，寄到{city}，单号{number}。", "单号{number}：{count}{unit}{thing}，寄给{city}的{person}。"),
}
DETAILS = {
    "通知": {"开会时间": "{day}{hour}点", "开会地点": "{room}室", "人名": "{person}"},
    "订单": {"商品数量": "{count}{unit}", "商品名称": "{thing}", "单号": "{number}", "城市": "{city}", "人名": "{person}"},
}
PHRASINGS = ("请提取{detail}：{text}", "从下面的{kind}中找出{detail}：{text}", "{text}请提取{kind}里的{detail}。", "{text}请找出{detail}。")
COUNT = 1500


def detail(random: Random) -> Item:
    """One text with one detail asked for."""
    thing = pick(random, THINGS)
    slots = {
        "day": pick(random, DAYS), "hour": between(random, 8, 20), "room": between(random, 101, 999),
        "person": pick(random, SURNAMES) + pick(random, GIVEN_NAMES), "count": between(random, 2, 60), "thing": thing,
        "unit": COUNTED[thing], "city": pick(random, CITIES), "number": between(random, 1000, 9999),
    }  # fmt: skip
    kind = pick(random, sorted(TEXTS))
    name = pick(random, sorted(DETAILS[kind]))
    text = pick(random, TEXTS[kind]).format(**slots)
    question = pick(random, PHRASINGS).format(detail=name, kind=kind, text=text)
    return Item(question, DETAILS[kind][name].format(**slots), topic=f"{kind}:{name}")


def extraction(random: Random) -> list[Item]:
    """Drawn over texts, details and wordings."""
    return drawn(random, COUNT, detail)


SKILLS = (Skill("extraction", "extract", extraction, weight=1.5),)
