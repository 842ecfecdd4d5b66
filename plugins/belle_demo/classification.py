"""Labels from closed sets: the tone of a remark, the kind of a thing, the section of a headline."""

from __future__ import annotations

from itertools import product
from random import Random

from belle_demo.skill import Item, Skill, asked

REMARKS = {
    "正面": ("服务热情", "环境舒适", "价格实惠", "让人满意", "值得推荐", "质量不错", "非常好用", "送货很快", "包装精美", "做工精细"),
    "负面": ("服务冷淡", "环境吵闹", "价格太贵", "让人失望", "不值得来", "质量糟糕", "很不好用", "送货太慢", "包装破损", "做工粗糙"),
}  # fmt: skip
"""The first half suits places, the second half goods."""
SHOPS = ("这家餐厅", "这家酒店", "这家商店", "这家超市", "这家书店", "这家饭店", "这家咖啡馆", "这家理发店")
GOODS = ("这个手机", "这台电脑", "这双鞋", "这款耳机", "这把椅子", "这个书包", "这台冰箱", "这个杯子")
KINDS = {
    "水果": ("苹果", "香蕉", "葡萄", "西瓜", "桃子", "草莓", "橙子", "梨"),
    "动物": ("老虎", "狮子", "大象", "猴子", "熊猫", "兔子", "长颈鹿", "狐狸"),
    "交通工具": ("汽车", "火车", "飞机", "自行车", "轮船", "地铁", "摩托车", "公交车"),
    "乐器": ("钢琴", "吉他", "小提琴", "笛子", "二胡", "古筝", "琵琶", "鼓"),
    "职业": ("医生", "老师", "警察", "司机", "厨师", "律师", "护士", "记者"),
    "蔬菜": ("白菜", "土豆", "萝卜", "黄瓜", "茄子", "菠菜", "芹菜", "西红柿"),
}
HEADLINES = {
    "体育": ("国家队赢得比赛", "球队夺得冠军", "运动员打破纪录", "马拉松今日开跑"),
    "财经": ("股市今日上涨", "银行下调利率", "公司利润增长", "油价再次下跌"),
    "天气": ("明天将有大雨", "周末气温下降", "台风正在靠近", "北方迎来降雪"),
    "科技": ("新款手机发布", "卫星成功发射", "机器人走进工厂", "电脑芯片更快了"),
    "教育": ("高考成绩公布", "大学迎来新生", "小学开展阅读课", "老师走访学生家庭"),
}
SOURCES = ("", "快讯：", "本报消息：", "最新消息：", "记者报道：", "今日新闻：", "晚间新闻：", "早间新闻：")


def tone(_: Random) -> list[Item]:
    """Whether a customer's remark is good or bad."""
    phrasings = (
        "判断情感，正面还是负面：{}", "这句评价是正面还是负面？{}", "“{}”的情感是正面还是负面？", "请给评论分类（正面、负面）：{}",
    )  # fmt: skip
    return [
        Item(phrasing.format(subject + remark), label, topic=remark)
        for label, remarks in REMARKS.items()
        for subjects, suitable in ((SHOPS, remarks[:5]), (GOODS, remarks[5:]))
        for phrasing, subject, remark in product(phrasings, subjects, suitable)
    ]


def kinds(_: Random) -> list[Item]:
    """What kind of thing a noun names."""
    phrasings = (
        "“{}”属于哪一类？", "{}是哪一类词？", "请把“{}”归类。", "请判断{}的类别。", "给“{}”这个词分类。", "词语“{}”的类别是什么？", "{}属于什么类别？",
    )  # fmt: skip
    return asked(phrasings, {thing: kind for kind, things in KINDS.items() for thing in things}, "kind")


def sections(_: Random) -> list[Item]:
    """The section a headline belongs to."""
    phrasings = ("给新闻标题分类：{}", "这条新闻属于哪个栏目？{}", "新闻“{}”是什么主题？", "请判断新闻类别：{}")
    labels = {headline: section for section, headlines in HEADLINES.items() for headline in headlines}
    return [
        item
        for source in SOURCES
        for item in asked([p.replace("{}", source + "{}") for p in phrasings], labels, "section")
    ]


SKILLS = (
    Skill("tone", "classification", tone, weight=0.4),
    Skill("kinds", "classification", kinds, weight=0.4),
    Skill("sections", "classification", sections, weight=0.3),
)
