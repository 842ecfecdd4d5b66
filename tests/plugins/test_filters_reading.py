"""What reading the drops of real data taught: for each rule what it must find and what only looks so."""

from __future__ import annotations

import pytest

from belle_core.conversation import Conversation, Example, Turn
from belle_core.data.filters import Drop
from belle_core.plugins import load_catalog


def made(name: str, **options):
    """The filter of that name."""
    part = load_catalog().part("filter", name)
    return part.load()(part.config(**options))


def verdict(name: str, question: str, answer: str, **options) -> str | None:
    """The reason of the drop; ``None`` when the example is kept."""
    result = made(name, **options)(Example("x", Conversation.of(question, answer)))
    return result.reason if isinstance(result, Drop) else None


SENTENCES = "春天来了，花儿都开了，人们走出家门去看花。孩子们在草地上奔跑，老人们坐在长椅上晒太阳。" * 3
ENGLISH = "Spring has come and all the flowers are open. People leave their houses to look at them. " * 3


@pytest.mark.parametrize(
    "rest",
    [
        *("他们决定把这件事", "而这些树的"),  # a cut that only a missing end mark shows
        *("大家都玩得很开心", "1. 踏青\n2. 放一次自己做的风筝", "这些都对孩子的成长有深远的影响"),
        *("我要一盘炒饭和一碗土耳其", "他们住在埃及", "这两件事应当合并", "我们去打麻将", "这里的人一无所有"),
        *(
            "这辆车不包括",
            "老师说：“去吧”",
            "“设计就是它的样子“ – 某人",
            "他这样说。“",
            "评分：⭐⭐⭐⭐⭐",
            "姓名：\n电话：",
        ),
        "用户：你好\n助手：我也是",
    ],
)
def test_an_answer_that_lacks_its_last_mark_is_no_broken_one(rest):
    assert verdict("truncated", "写一段话", SENTENCES + rest) is None


@pytest.mark.parametrize(
    "rest",
    [
        *("孩子们跑到了河边，而", "我们应该确保", "这首诗表达了对自然的热爱，以及对生命的", "所以这个故事的意思就是"),
        *("这样做的好处有很多，例如", "得到的总分为", "他笑着说：“我们明天再去看", "这种现象（也就是人们常说的春困"),
        *("具体的步骤如下：", "春游要带的东西有以下几种："),
        "春天的好处：\n1. 天气：不冷不热。\n2. 风景：花都开了。\n3. 心情：",
    ],
)
def test_a_sentence_that_cannot_end_so_is_broken(rest):
    expected = None if rest.endswith("生命的") else "open_sentence"  # “很好看的” ends so, too
    assert verdict("truncated", "写一段话", SENTENCES + rest) == expected


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("It is good for you because it makes the", "open_sentence"),
        ("This is the reason why every", "open_sentence"),
        ("The meeting was held by the G", "open_sentence"),
        ("The steps are as follows:", "open_sentence"),
        ("Thank you", None),
        ("This is the car that I have been looking for", None),
        ("These are the best days of the year", None),
        ("We all need vitamin C", None),
    ],
)
def test_english_words_that_end_no_sentence(rest, reason):
    assert verdict("truncated", "Write about spring.", ENGLISH + rest) == reason


def test_an_answer_of_blanks_is_not_broken():
    assert verdict("truncated", "写", " \n") is None and verdict("truncated", "写", " \n", min=1) is None


def test_a_missing_end_mark_counts_where_it_is_asked_for():
    broken = SENTENCES + "他们决定把这件事告诉"
    assert verdict("truncated", "写一段话", broken) is None
    assert verdict("truncated", "写一段话", broken, min=50) == "no_end"
    assert verdict("truncated", "写一段话", broken, min=5000) is None


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("春天是什么？", "春天是四季之一。\n##\n7. 指令：写一首诗\n7. 输入：\n秋天\n7. 输出：\n秋风起。", "run_on"),
        ("Why?", "So it is.\n\n12. Instruction: Add.\n12. Input:\n1 and 2\n12. Output:\n3", "run_on"),
        ("Why?", "So it is.\n// end of output //", "run_on"),
        ("为什么？", "因为如此。\n输出结束。", "run_on"),
        ("为什么？", "因为如此。<|im_end|>", "run_on"),
        ("请写出三个任务的指令、输入和输出", "1. 指令：写诗\n1. 输入：秋天\n1. 输出：秋风起。", None),
        ("列出游戏设定", "1. 主角：小明\n2. 任务：找到宝石。\n3. 输入：键盘。\n4. 输出：屏幕。", None),
        ("Explain loops", "Input: 3\nOutput: 9. This is the end of the output that a loop prints.", None),
    ],
)
def test_what_runs_on_into_the_next_task(question, answer, reason):
    assert verdict("truncated", question, answer) == reason


VERSES = [
    "窗外下着小雨，我在等你",
    "路上没有行人，灯还亮着",
    "远处传来歌声，是那一首",
    "天亮以前的风，吹过屋顶",
    "信写好了，还没有寄出去",
]
CHORUS = "来吧来吧，我们一起唱歌\n让所有的人都听见\n这是我们的夏天"


@pytest.mark.parametrize(
    "answer",
    [
        "\n\n".join(f"{verse}\n\n副歌\n{CHORUS}" for verse in VERSES),
        "\n".join(
            f"问题{n}：研究{what}的学科是什么？\nA. 生物学\nB. 物理学\nC. 化学\nD. 天文学\n"
            for n, what in enumerate(["植物", "运动", "物质", "星星", "细胞", "光"], 1)
        ),
        "\n".join(f"《海底王国历险记之{n}：{what}》" for n, what in zip("一二三四五六", ["珊瑚", "海星", "鲸鱼", "沉船", "水母", "归来"])),
        "\n".join(f"第{n}周\n周一：跑步{n + 2}公里，休息十分钟\n周三：跑步{n + 3}公里，休息十分钟\n周六：跑步{n * 2}公里，休息十分钟" for n in range(1, 7)),
        "e|" + "--0--3--5--" * 20 + "\nB|" + "--1--1--1--" * 20,
        "1/7 = 0." + "142857" * 30,
    ],
)  # fmt: skip
def test_what_says_something_new_each_time_is_no_loop(answer):
    assert verdict("repetition", "写", answer) is None


@pytest.mark.parametrize(
    "answer",
    [
        "\n".join(f"{n}. 多喝水，早睡早起，保持好心情。" for n in range(1, 20)),
        "他来了（很高兴）。" * 20,
        "先说一件事。" * 2 + "然后小猫看着小狗，小狗看着小猫。" * 12,
        "\n".join(f"{n}) We should all drink more water and go to bed early." for n in range(1, 12)),
    ],
)
def test_loops_are_found_with_numbers_before_them_too(answer):
    assert verdict("repetition", "写", answer) == ""


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("为饭店设计徽标", "[饭店徽标的图片]", "empty"),
        ("为饭店设计徽标", "![徽标](https://example.com/a.png)", "empty"),
        ("Draw a chart.", "<insert chart here>", "empty"),
        ("Draw a chart.", "*(A graphical representation of the data)*", "empty"),
        ("Draw a chart.", "<nooutput> - Visuals cannot be created.", "empty"),
        ("画一只猫", "<无输出>\n（不能画）", "empty"),
        ("建一个网站", "不适用（模型不能这样做）", "empty"),
        ("Markdown 里怎样写图片？", "![图片](https://example.com/a.png)", None),
        ("Generate a valid HTML tag", '<img src="picture.png">', None),
        ("Is it positive, negative or none?", "None", None),
        ("What is it?", "None", "empty"),
        ("什么是插图？", "（插图是书里的画，用来说明文字。）它们很有用。", None),
        ("Why is no input given?", "No input is given because none is needed.", None),
        ("提醒我五点起床", "GPT 语言模型无法完成此指令。", "refusal"),
        ("画一张图", "此任务需要视觉输出，而模型无法生成。", "refusal"),
        ("Plan it.", "This type of instruction cannot be fulfilled.", "refusal"),
        ("GPT 模型不能做什么？", "GPT 模型无法看图，也无法听声音。", None),
        ("改错句", "请提供原句以便修改。", "missing_input"),
        ("Make it informal: I regret to tell you that I am busy.", "Sorry, I can't make it.", None),
        ("Can you predict prices?", "It is not possible to predict prices, since many things decide them.", None),
        ("Do it.", "It is not possible to complete this task.", "refusal"),
        ("Write a request for further information", "Could you please provide more information on it?", None),
        ("Rephrase: It's impossible for me.", "I can't do it.", None),
        ("替我婉拒他的邀请", "对不起，我不能参加，那天有事。", None),
    ],
)
def test_answers_in_place_of_answers(question, answer, reason):
    assert verdict("refusal", question, answer) == reason


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("你好，我是Open Assistant，有什么可以帮您？", True),
        ("I'm a language model called Vicuna.", True),
        ("You can call me Vicuna, and I am happy to help.", True),
        ("您好，我是您的智能助手OpenAssistant。", True),
        ("我的开发者是全球各地的志愿者。", True),
        ("由于我是一个计算机程序，我不知道。", True),
        ("我是公司的助理，负责安排会议。", False),
        ("我的创造者是我的父母。", False),
        ("You can call me Tom, and I was trained by my father.", False),
        ("他写的是一个计算机程序。", False),
    ],
)
def test_who_speaks_as_an_assistant(answer, found):
    assert (verdict("assistant", "你好", answer) is not None) == found


@pytest.mark.parametrize(
    ("question", "answer", "dropped"),
    [
        ("Write a description of this photograph\n<insert photograph here>", "A lake.", True),
        ("What animal is this?\n[Image of an ocelot]", "An ocelot.", True),
        ("这是什么动物？\n[一只豹猫的照片]", "豹猫。", True),
        ("为下列数据创建条形图\n3, 4, 5", "好的。", True),
        ("创建一个图表来比较两座城市的人口", "城市 | 人口\n--- | ---\n甲 | 3\n乙 | 4", False),
        ("创建一个图表来比较两座城市的人口", "这张图表显示甲城的人多。", True),
        ("我想做一个网站，供用户上传文件、下载文件。", "可以用 Flask。", False),
        ("我可以发送一张图片给你吗？", "不可以，只能发文字。", False),
        ("Design an algorithm that finds birds.\n<image of a bird>", "First ...", False),
        ("编写生成条形图的代码", "plt.bar(x, y)", False),
    ],
)
def test_what_is_impossible(question, answer, dropped):
    assert (verdict("impossible", question, answer) is not None) == dropped


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("分析下面的诗。\n《The Road Not Taken》 - Robert Frost", "这首诗写选择。", None),
        ("把句子里的“e”都换成“a”。\nThe fox jumps over the lazy dog and the cat.", "Tha fox.", None),
        ("给我一些这样的名字：\nFrank Ocean\nTyler the Creator\nKing Princess", "海洋弗兰克。", None),
        ("谁演了这部电影？\n(Who was the actor in this film of the year?)", "某人。", None),
        ("概括这段话。\nThe fox was in the house and it was happy with the dog.", "狐狸很高兴。", "input"),
    ],
)
def test_english_that_belongs_there(question, answer, reason):
    assert verdict("untranslated", question, answer) == reason


def test_a_name_in_kana_makes_no_japanese_of_chinese():
    language = made("language")
    assert language(Example("x", Conversation.of("你说说こぎみゅん是谁，这个名字怎么读？", "她是一个卡通人物。")))
    kept = language(Example("x", Conversation.of("你说说こぎみゅん是谁，这个名字怎么读？", "卡通人物。")))
    assert isinstance(kept, Example)
    mixed = language(Example("x", Conversation.of("松下问童子：先生は薬を集める？", "这句话是玩笑。")))
    assert isinstance(mixed, Example)
    dropped = language(Example("x", Conversation.of("こぎみゅんは誰ですか、教えてください。", "卡通人物。")))
    assert isinstance(dropped, Drop) and dropped.reason == "ja"


def test_records_that_were_escaped_as_a_whole_are_unescaped():
    escaped = Conversation(
        (Turn("user", "打印 &#39;你好&#39;"), Turn("assistant", "print(&quot;你好&quot;) # 1 &lt; 2 &amp;&amp; x"))
    )
    result = made("repair")(Example("x", escaped))
    assert [turn.text for turn in result.conversation.turns] == ["打印 '你好'", 'print("你好") # 1 < 2 && x']
    once = made("repair")(Example("x", Conversation.of("问", "&amp;lt; 与 &amp;amp;")))
    assert once.conversation.answer == "&lt; 与 &amp;"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("小于号怎样转义？", "写成 &lt; 就可以了。"),
        ("What is the HTML entity of a quote?", "It is &quot;."),
        ("写一个网页", '<p title="a">1 &lt; 2 &amp; 3</p>'),
        ("写一段代码", 'if (a && b) print("&lt;")'),
        ("AT&T 是什么？", "一家公司，又写作 AT&amp;T。"),
    ],
)
def test_what_was_not_escaped_stays(question, answer):
    given = Example("x", Conversation.of(question, answer))
    assert made("repair")(given) is given
    assert made("repair", entities=False)(Example("x", Conversation.of("问", "&lt;"))).conversation.answer == "&lt;"
