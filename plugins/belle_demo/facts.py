"""Open questions about a closed set of facts: every fact is learnt in some wordings and asked in another."""

from __future__ import annotations

from random import Random

from belle_demo.skill import Item, Skill, asked
from belle_demo.words import COUNTED

PROVINCES = {
    "河北": "石家庄", "山西": "太原", "辽宁": "沈阳", "吉林": "长春", "江苏": "南京", "浙江": "杭州", "安徽": "合肥",
    "福建": "福州", "江西": "南昌", "山东": "济南", "河南": "郑州", "湖北": "武汉", "湖南": "长沙", "广东": "广州",
    "海南": "海口", "四川": "成都", "贵州": "贵阳", "云南": "昆明", "陕西": "西安", "甘肃": "兰州", "青海": "西宁",
}  # fmt: skip
COUNTRIES = {
    "中国": "北京", "法国": "巴黎", "英国": "伦敦", "日本": "东京", "韩国": "首尔", "俄罗斯": "莫斯科", "德国": "柏林",
    "意大利": "罗马", "西班牙": "马德里", "埃及": "开罗", "泰国": "曼谷", "美国": "华盛顿", "加拿大": "渥太华",
    "印度": "新德里", "希腊": "雅典", "越南": "河内",
}  # fmt: skip
AUTHORS = {
    "红楼梦": "曹雪芹", "西游记": "吴承恩", "水浒传": "施耐庵", "三国演义": "罗贯中", "骆驼祥子": "老舍",
    "狂人日记": "鲁迅", "边城": "沈从文", "围城": "钱钟书", "雷雨": "曹禺", "子夜": "茅盾", "静夜思": "李白",
    "史记": "司马迁", "聊斋志异": "蒲松龄", "本草纲目": "李时珍", "春望": "杜甫",
}  # fmt: skip
OPPOSITES = (
    "大小", "高低", "长短", "快慢", "冷热", "黑白", "左右", "上下", "前后", "多少", "远近", "新旧", "轻重", "胖瘦", "软硬",
)  # fmt: skip
MEASURE_WORDS = COUNTED | {
    "马": "匹", "牛": "头", "汽车": "辆", "飞机": "架", "桌子": "张", "椅子": "把", "信": "封", "诗": "首",
}  # fmt: skip

GREETINGS = {
    "你是谁？": "我是BELLE，一个很小的中文助手。",
    "你叫什么名字？": "我叫BELLE。",
    "你会做什么？": "我会回答简单的问题。",
    "很高兴认识你。": "我也很高兴认识你！",
    "今天天气真好。": "是啊，出去走走吧！",
    "谢谢你。": "不客气！",
    "再见。": "再见，欢迎再来！",
}
OPENINGS = ("", "你好，", "您好，", "早上好，", "晚上好，", "朋友，", "你好！", "嗨，", "小朋友，", "下午好，")


def capitals(_: Random) -> list[Item]:
    """Capitals of provinces and of countries."""
    of_province = (
        "{}的省会是哪里？", "{}省的省会是哪座城市？", "请问{}省的省会在哪里？", "你知道{}的省会是哪个城市吗？",
        "哪座城市是{}省的省会？", "告诉我{}省的省会。", "{}省的省会城市叫什么？", "请回答：{}的省会是什么？",
    )  # fmt: skip
    of_country = (
        "{}的首都是哪里？", "{}的首都是哪座城市？", "请问{}的首都在哪里？", "你知道{}的首都是哪个城市吗？",
        "哪座城市是{}的首都？", "告诉我{}的首都。", "{}的首都叫什么？", "请回答：{}的首都是什么？",
    )  # fmt: skip
    return asked(of_province, PROVINCES, "province") + asked(of_country, COUNTRIES, "country")


def authors(_: Random) -> list[Item]:
    """Who wrote a famous work."""
    phrasings = (
        "《{}》的作者是谁？", "谁写了《{}》？", "请问《{}》是谁写的？", "《{}》是哪位作家的作品？", "你知道《{}》的作者吗？",
        "告诉我《{}》的作者。", "《{}》这部作品出自谁之手？", "请回答：《{}》是谁的作品？",
    )  # fmt: skip
    return asked(phrasings, AUTHORS, "author")


def word_knowledge(_: Random) -> list[Item]:
    """Opposites of adjectives and measure words of nouns."""
    opposites = {word: other for a, b in OPPOSITES for word, other in ((a, b), (b, a))}
    of_opposite = (
        "“{}”的反义词是什么？", "请写出“{}”的反义词。", "和“{}”意思相反的字是什么？", "“{}”的反义词是哪个字？",
        "告诉我“{}”的反义词。", "哪个字与“{}”意思相反？",
    )  # fmt: skip
    of_measure = (
        "{}的量词是什么？", "数{}用哪个量词？", "请填量词：一（）{}", "“{}”应该用什么量词？", "一什么{}？请填量词。", "告诉我{}的量词。",
    )  # fmt: skip
    return asked(of_opposite, opposites, "opposite") + asked(of_measure, MEASURE_WORDS, "measure")


def greetings(_: Random) -> list[Item]:
    """Small talk."""
    return [item for opening in OPENINGS for item in asked((opening + "{}",), GREETINGS, "greeting")]


SKILLS = (
    Skill("capitals", "open qa", capitals),
    Skill("authors", "open qa", authors, weight=0.5),
    Skill("word_knowledge", "open qa", word_knowledge),
    Skill("greetings", "open qa", greetings, weight=0.25),
)
