"""Copying one detail out of a notice or an order."""

from __future__ import annotations

from random import Random

from belle_demo.skill import Item, Skill, between, drawn, pick
from belle_demo.words import CITIES, COUNTED, DAYS, FIRST_NAMES, HOURS, THINGS

TEXTS = {
    "通知": ("{day}{hour}在{room}开会，联系人{person}。", "{person}通知：{day}{hour}到{room}开会。"),
    "订单": (
        "{person}买了{count}{unit}{thing}，共{price}元，寄到{city}。",
        "寄给{city}的{person}：{count}{unit}{thing}，价格{price}元。",
    ),
}
DETAILS = {
    "通知": {"日期": "{day}", "时间": "{hour}", "地点": "{room}", "人名": "{person}"},
    "订单": {"数量": "{count}{unit}", "商品": "{thing}", "价格": "{price}元", "城市": "{city}", "人名": "{person}"},
}
ROOMS = ("会议室", "办公室", "大礼堂", "实验室", "阅览室", "活动中心", "三号教室", "二楼大厅")
PHRASINGS = (
    "请提取{detail}：{text}", "从{kind}中找出{detail}：{text}", "{text}请提取{kind}里的{detail}。", "{text}请找出{detail}。",
)  # fmt: skip
COUNT = 3000


def detail(random: Random) -> Item:
    """One text with one detail asked for."""
    thing = pick(random, THINGS)
    slots = {
        "day": pick(random, DAYS), "hour": pick(random, HOURS), "room": pick(random, ROOMS), "person": pick(random, FIRST_NAMES),
        "count": between(random, 2, 9), "unit": COUNTED[thing], "thing": thing, "price": 10 * between(random, 1, 9),
        "city": pick(random, CITIES),
    }  # fmt: skip
    kind = pick(random, sorted(TEXTS))
    name = pick(random, sorted(DETAILS[kind]))
    text = pick(random, TEXTS[kind]).format(**slots)
    question = pick(random, PHRASINGS).format(detail=name, kind=kind, text=text)
    return Item(question, DETAILS[kind][name].format(**slots), topic=f"{kind}:{name}")


def extraction(random: Random) -> list[Item]:
    """Drawn over texts, details and wordings."""
    return drawn(random, COUNT, detail)


SKILLS = (Skill("extraction", "extract", extraction, weight=2.5),)
