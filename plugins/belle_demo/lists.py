"""Naming examples of a kind: the lists are closed and in a fixed order, so that there is one right answer."""

from __future__ import annotations

from itertools import product
from random import Random

from belle_demo.skill import Item, Skill

LISTS = {
    "水果": "苹果、香蕉、葡萄、西瓜", "动物": "老虎、狮子、大象、猴子", "交通工具": "汽车、火车、飞机、轮船",
    "乐器": "钢琴、吉他、笛子、古筝", "职业": "医生、老师、警察、司机", "蔬菜": "白菜、土豆、萝卜、黄瓜",
    "颜色": "红色、黄色、蓝色、绿色", "球类运动": "足球、篮球、排球、网球", "节日": "春节、端午节、中秋节、国庆节",
    "家具": "桌子、椅子、沙发、衣柜", "文具": "铅笔、橡皮、尺子、本子", "饮料": "牛奶、果汁、咖啡、绿茶",
    "家用电器": "电视、冰箱、空调、洗衣机", "花": "玫瑰、牡丹、菊花、荷花",
}  # fmt: skip
NUMBERS = {"两": 2, "三": 3, "四": 4}
PHRASINGS = (
    "请列举{n}种{kind}。", "说出{n}种{kind}的名字。", "{kind}有哪些？请举{n}例。", "给我{n}个{kind}的例子。", "请写出{n}种常见的{kind}。",
    "你能想到哪{n}种{kind}？", "我想知道{n}种{kind}。",
)  # fmt: skip


def lists(_: Random) -> list[Item]:
    """Every kind and number in every wording."""
    return [
        Item(phrasing.format(n=n, kind=kind), "、".join(names.split("、")[:count]), topic=f"{n}{kind}")
        for phrasing, (kind, names), (n, count) in product(PHRASINGS, LISTS.items(), NUMBERS.items())
    ]


SKILLS = (Skill("lists", "brainstorming", lists, weight=0.8),)
