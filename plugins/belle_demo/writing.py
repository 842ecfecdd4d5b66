"""Short texts of a fixed form, filled from what the question gives."""

from __future__ import annotations

from random import Random

from belle_demo.skill import Item, Skill, drawn, pick
from belle_demo.words import CITIES, DAYS, FAMILY, FIRST_NAMES, OUTINGS

REASONS = ("发烧", "感冒", "牙疼", "搬家", "比赛", "看病", "旅行", "家里有事")
FEASTS = ("生日", "新年", "春节", "中秋节", "元旦", "端午节")
CAUSES = ("下雨了", "每天下雨", "现在下雪了", "刮大风了", "又停电了", "路上堵车", "起雾了", "天气太热")
EFFECTS = ("没有出门", "留在家里", "改天再来", "迟到了", "没有去")
PHRASINGS = {
    "note": (
        "写一张请假条：{name}，{day}，{reason}", "帮{name}写请假条，时间{day}，原因{reason}", "{name}{day}因{reason}请假，请写请假条。",
        "请写请假条，姓名{name}，{day}，因为{reason}",
    ),
    "invitation": (
        "写一句邀请：请{name}{day}去{place}{activity}", "邀请{name}{day}到{place}{activity}，写一句话。",
        "请写邀请：对象{name}，时间{day}，地点{place}，活动{activity}",
    ),
    "because": (
        "用“因为……所以……”造句：{cause}，{effect}", "请用“因为”和“所以”连接：{cause}，{effect}", "把“{cause}”和“{effect}”写成因果句。",
    ),
    "wish": (
        "{name}祝{elder}{feast}快乐，写一张贺卡。", "写贺卡：{name}写给{elder}，祝{feast}快乐", "请替{name}给{elder}写一句{feast}祝福。",
    ),
}  # fmt: skip
FORMS = {
    "note": "老师：我因{reason}，{day}请假一天。{name}",
    "invitation": "{name}，{day}我们一起去{place}{activity}吧！",
    "because": "因为{cause}，所以{effect}。",
    "wish": "{elder}：祝你{feast}快乐！{name}",
}
COUNT = 3000


def text(random: Random) -> Item:
    """One form, its contents drawn anew."""
    form, place = pick(random, sorted(FORMS)), pick(random, sorted(OUTINGS))
    slots = {
        "name": pick(random, FIRST_NAMES), "elder": pick(random, FAMILY), "day": pick(random, DAYS), "place": place,
        "activity": pick(random, OUTINGS[place]), "reason": pick(random, REASONS), "feast": pick(random, FEASTS),
        "cause": pick(random, CITIES) + pick(random, CAUSES), "effect": pick(random, FAMILY + FIRST_NAMES) + pick(random, EFFECTS),
    }  # fmt: skip
    return Item(pick(random, PHRASINGS[form]).format(**slots), FORMS[form].format(**slots), topic=form)


def writing(random: Random) -> list[Item]:
    """Drawn over forms, their contents and wordings."""
    return drawn(random, COUNT, text)


SKILLS = (Skill("writing", "generation", writing, weight=1.6),)
