"""Short texts of a fixed form, filled from what the question gives."""

from __future__ import annotations

from random import Random

from belle_demo.skill import Item, Skill, drawn, pick
from belle_demo.words import CITIES, DAYS, FAMILY, FIRST_NAMES, OUTINGS

REASONS = ("发烧", "感冒", "牙疼", "搬家", "比赛", "看病", "旅行", "家里有事")
CAUSES = (
    ("下雨了", "比赛取消了"), ("天黑了", "我们回家了"), ("路上堵车", "他迟到了"), ("今天放假", "学校没有人"), ("他很努力", "成绩很好"),
    ("天气很冷", "湖水结冰了"), ("肚子饿了", "她去吃饭了"), ("商店关门了", "我没有买到"), ("电影好看", "大家都笑了"), ("风太大", "树倒了"),
    ("现在下雪了", "车开得很慢"), ("大家每天锻炼", "身体很好"), ("又停电了", "电脑不能用"), ("只剩一张票", "我没有去"), ("盒子空了", "我又放进一些糖果"),
    ("人一共有十个", "要坐两辆车"),
)  # fmt: skip
COUNT = 3000


def leave_note(random: Random) -> tuple[str, str]:
    """A pupil asks to stay away for a day."""
    name, day, reason = pick(random, FIRST_NAMES), pick(random, DAYS), pick(random, REASONS)
    ask = pick(
        random,
        (
            "写一张请假条：{0}，{1}，{2}",
            "帮{0}写请假条，时间{1}，原因{2}",
            "{0}{1}因{2}请假，请写请假条。",
            "请写请假条，姓名{0}，{1}，因为{2}",
        ),
    )
    return ask.format(name, day, reason), f"老师：我因{reason}，{day}请假一天。{name}"


def invitation(random: Random) -> tuple[str, str]:
    """An invitation to do something somewhere."""
    name, day, place = pick(random, FIRST_NAMES), pick(random, DAYS), pick(random, sorted(OUTINGS))
    activity = pick(random, OUTINGS[place])
    ask = pick(random, ("写一句邀请：请{0}{1}去{2}{3}", "邀请{0}{1}到{2}{3}，写一句话。", "请写邀请：对象{0}，时间{1}，地点{2}，活动{3}"))
    return ask.format(name, day, place, activity), f"{name}，{day}我们一起去{place}{activity}吧！"


def because(random: Random) -> tuple[str, str]:
    """A sentence that joins cause and effect."""
    cause, effect = pick(random, CAUSES)
    person, place = pick(random, FAMILY + FIRST_NAMES), pick(random, CITIES)
    ask = pick(random, ("用“因为……所以……”造句：{0}，{1}", "请用“因为”和“所以”连接：{0}，{1}", "把“{0}”和“{1}”写成因果句。"))
    return ask.format(f"{person}说{place}{cause}", effect), f"因为{person}说{place}{cause}，所以{effect}。"


def wish(random: Random) -> tuple[str, str]:
    """Good wishes for someone's day."""
    name, other = pick(random, FIRST_NAMES), pick(random, FAMILY)
    feast = pick(random, ("生日", "新年", "春节", "中秋节", "元旦", "端午节"))
    ask = pick(random, ("{0}祝{1}{2}快乐，写一张贺卡。", "写贺卡：{0}写给{1}，祝{2}快乐", "请替{0}给{1}写一句{2}祝福。"))
    return ask.format(name, other, feast), f"{other}：祝你{feast}快乐！{name}"


FORMS = {"note": leave_note, "invitation": invitation, "because": because, "wish": wish}


def writing(random: Random) -> list[Item]:
    """Drawn over forms, their contents and wordings."""

    def draw(random: Random) -> Item:
        form = pick(random, sorted(FORMS))
        return Item(*FORMS[form](random), topic=form)

    return drawn(random, COUNT, draw)


SKILLS = (Skill("writing", "generation", writing, weight=1.2),)
