"""Rewriting a sentence by rule: active to passive and back, negation, a polite form."""

from __future__ import annotations

from random import Random

from belle_demo.skill import Item, Skill, drawn, pick
from belle_demo.words import FAMILY, FIRST_NAMES, HOBBIES, THINGS

DEEDS = (
    ("窗户", "擦干净"), ("杯子", "打碎"), ("作业", "写完"), ("苹果", "吃完"), ("房间", "打扫干净"), ("自行车", "修好"),
    ("衣服", "洗干净"), ("门", "关上"), ("书", "借走"), ("蛋糕", "切开"), ("信", "寄走"), ("玩具", "弄坏"), ("花瓶", "打碎"),
    ("灯", "打开"), ("箱子", "搬走"), ("雨伞", "拿走"), ("桌子", "擦干净"), ("西瓜", "切开"), ("鱼", "吃完"), ("椅子", "搬走"),
)  # fmt: skip
REQUESTS = (
    "关上门", "打开灯", "安静一点", "排好队", "坐下", "站起来", "说慢一点", "再说一遍", "别剩饭", "放好盒子", "洗干净杯子",
    "等一等",
)  # fmt: skip
PHRASINGS = {
    "passive": ("改成“被”字句：{}", "请把这句话改为“被”字句：{}", "用“被”字改写：{}", "“{}”改成“被”字句是什么？"),
    "active": ("改成“把”字句：{}", "请把这句话改为“把”字句：{}", "用“把”字改写：{}", "“{}”改成“把”字句是什么？"),
    "negative": ("改成否定句：{}", "请把这句话改为否定句：{}", "用“不”字改写：{}", "“{}”的否定句是什么？"),
    "polite": ("改得礼貌一些：{}", "请把这句话说得更有礼貌：{}", "用礼貌的话改写：{}", "“{}”怎么说更礼貌？"),
}
COUNT = 3000


def rewrite(random: Random) -> Item:
    """One sentence and the rule to rewrite it by."""
    person = pick(random, FIRST_NAMES + FAMILY)
    thing, deed = pick(random, DEEDS)
    liked, request = pick(random, THINGS + HOBBIES), pick(random, REQUESTS)
    active, passive = f"{person}把{thing}{deed}了。", f"{thing}被{person}{deed}了。"
    pairs = {
        "passive": (active, passive),
        "active": (passive, active),
        "negative": (f"{person}喜欢{liked}。", f"{person}不喜欢{liked}。"),
        "polite": (f"{person}，{request}！", f"{person}，请您{request}，谢谢！"),
    }
    rule = pick(random, sorted(pairs))
    before, after = pairs[rule]
    return Item(pick(random, PHRASINGS[rule]).format(before), after, topic=rule)


def rewriting(random: Random) -> list[Item]:
    """Drawn over rules, sentences and wordings."""
    return drawn(random, COUNT, rewrite)


SKILLS = (Skill("rewriting", "rewrite", rewriting, weight=1.5),)
