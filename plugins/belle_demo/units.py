"""Unit conversion by appending digits, and back by dropping them."""

from __future__ import annotations

from random import Random

from belle_demo.skill import Item, Skill, between, drawn, pick

FACTORS = {
    ("米", "厘米"): 100, ("米", "分米"): 10, ("分米", "厘米"): 10, ("厘米", "毫米"): 10, ("千米", "米"): 1000,
    ("千克", "克"): 1000, ("吨", "千克"): 1000, ("升", "毫升"): 1000, ("元", "角"): 10, ("元", "分"): 100, ("角", "分"): 10,
}  # fmt: skip
PHRASINGS = (
    "{n}{unit}等于多少{other}？", "{n}{unit}是多少{other}？", "请把{n}{unit}换算成{other}。", "换算：{n}{unit}=（）{other}",
    "{n}{unit}合多少{other}？", "单位换算：{n}{unit}等于几{other}？",
)  # fmt: skip
COUNT = 3000


def conversion(random: Random) -> Item:
    """Large to small units, one or two digits before the unit."""
    (unit, other), factor = pick(random, sorted(FACTORS.items()))
    number = between(random, 1, 99)
    question = pick(random, PHRASINGS).format(n=number, unit=unit, other=other)
    return Item(question, f"{number * factor}{other}", topic=f"{unit}-{other}")


def units(random: Random) -> list[Item]:
    """Drawn over units, numbers and wordings."""
    return drawn(random, COUNT, conversion)


SKILLS = (Skill("units", "others", units, weight=1.2),)
