"""Each filter: what it must find and what it must leave alone, mostly in Chinese."""

from __future__ import annotations

import json
import re
import time
from array import array

import pytest

from belle_core.conversation import Conversation, Example, Turn
from belle_core.data.filters import Drop
from belle_core.plugins import load_catalog
from belle_core.testing import check_plugin


def made(name: str, **options):
    """The filter of that name."""
    part = load_catalog().part("filter", name)
    return part.load()(part.config(**options))


def example(*texts: str, system: str = "", **more) -> Example:
    """A conversation of these turns, the user first."""
    turns = tuple(Turn(("user", "assistant")[at % 2], text) for at, text in enumerate(texts))
    return Example("x", Conversation(turns, system), **more)


def verdict(name: str, *texts: str, meta=None, **options) -> str | None:
    """The reason of the drop; ``None`` when the example is kept as it is."""
    given = example(*texts, meta=meta or {})
    result = made(name, **options)(given)
    assert isinstance(result, Drop) or result is given
    return result.reason if isinstance(result, Drop) else None


def test_the_plugin_keeps_the_rules():
    assert check_plugin("filters") == []


# --- repair

REPAIRED = {
    "你好\u200b世界": "你好世界",
    "\ufeff你好": "你好",
    "一\xa0二\u2003三": "一 二 三",
    "a\r\nb\rc\u2028d": "a\nb\nc\nd",
    "行尾空格   \n下一行\n\n\n\n段落": "行尾空格\n下一行\n\n段落",
    "\n\n答案\n": "答案",
    "响铃\x07和\x1b[0m": "响铃和[0m",
    "半个\ud83d字": "半个字",
    "两半\ud83d\ude00": "两半😀",
    "ä½\xa0å¥½ï¼Œä¸–ç•Œ": "你好，世界",
    "浣犲ソ锛屼笘鐣岋紒": "你好，世界！",
    "中\u200d文": "中文",
    "软\u00ad连字符": "软连字符",
    "那人去了。\u0326\u0326\u0326\u0326\u0326": "那人去了。",
}
UNCHANGED = [
    "“全角”标点：，。；！？（）【】《》……——～",
    "ＡＢＣ１２３　全角字母和空格",
    "　　首行缩进的段落，\n　　第二行。",
    "👨‍👩‍👧 家庭和 👍🏽",
    "می‌خواهم",
    "café, naïve, Ångström, é\u0301",
    "① ② ㎏ ㍿ ﬁ Ⅻ",
    "def f(x):\n    return x\n\n\ndef g():\n    pass".replace("\n\n\n", "\n\n"),
    "\t缩进的代码\n\t第二行",
    "龘靐齉𠮷",
    "Ã 是一个葡萄牙语字母，Â 也是",
    "繁體中文，「引號」與『書名』",
    "l’été à la plage – “déjà vu”",
]


@pytest.mark.parametrize(("before", "after"), REPAIRED.items())
def test_flaws_are_repaired(before, after):
    assert made("repair").repaired(before) == after


def test_a_wrong_decoding_is_left_where_nobody_asks():
    for wrong in ("你好，世界".encode().decode("latin-1"), "你好，世界！".encode().decode("gb18030")):
        assert made("repair").repaired(wrong).startswith("你好，世界")
        assert made("repair", mojibake=False).repaired(wrong) != made("repair").repaired(wrong)


@pytest.mark.parametrize("text", UNCHANGED)
def test_what_a_reader_sees_stays(text):
    assert made("repair").repaired(text) == text


def test_repairing_twice_changes_nothing_more():
    repair = made("repair")
    for text in [*REPAIRED, *UNCHANGED]:
        assert repair.repaired(repair.repaired(text)) == repair.repaired(text)


# --- HTML

CHATGPT = (
    '<div class="markdown prose"><p>可以这样<strong>写</strong>：</p><pre><div class="bg-black"><div class="flex"><span>python</span>'
    '<button>Copy code</button></div><div><code class="hljs language-python"><span>if</span> a &lt; b_c:\n    print(<span>"x*y"</span>)\n'
    "</code></div></div></pre><ol><li>第一</li><li>第二<ul><li>里面</li></ul></li></ol><table><thead><tr><th>名</th><th>值</th></tr>"
    "</thead><tbody><tr><td>甲</td><td>1</td></tr></tbody></table></div>"
)


def test_an_answer_of_chatgpts_page_becomes_markdown():
    markdown = made("html").converted(CHATGPT)
    assert '```python\nif a < b_c:\n    print("x*y")\n```' in markdown
    assert "**写**" in markdown and "1. 第一" in markdown and "- 里面" in markdown
    assert "| 名 | 值 |" in markdown and "| 甲 | 1 |" in markdown
    assert "Copy code" not in markdown and "<" not in markdown.replace("a < b", "")


@pytest.mark.parametrize(
    "text",
    [
        "用 <p> 标签表示段落",
        "3 < 5 且 7 > 2",
        "```html\n<p>你好</p>\n```",
        "<!DOCTYPE html><html><body><p>网页</p></body></html>",
        '<form><input type="text"><p>姓名</p></form>',
        "List<String> names",
    ],
)
def test_markdown_code_and_pages_stay(text):
    assert made("html").converted(text) == text


def test_only_answers_are_converted():
    result = made("html")(example("<p>问</p>", "<p>答</p>"))
    assert [turn.text for turn in result.conversation.turns] == ["<p>问</p>", "答"]


# --- language


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (("你好吗？", "我很好。"), None),
        (("How are you today, my friend?", "I am fine, thank you very much."), None),
        (("1+1=?", "2"), None),
        (("使用密钥为 3 的凯撒密码编码。", "Wklw kh d vhfuhw phvvdjh。"), None),
        (("写一个函数", "def f(x):\n    return x ** 2"), None),
        (("请介绍 Python 的 list", "list 是 Python 的一种数据结构，可以 append 和 pop。"), None),
        (("把“你好”翻译成法语", "Bonjour, comment allez-vous aujourd'hui mon ami ?"), None),
        (("今日は何をしましたか", "学校に行きました。"), "ja"),
        (("오늘 날씨가 어때요?", "맑아요."), "ko"),
        (("Здравствуйте", "Привет мир"), "ru"),
        (("สวัสดี", "好"), "th"),
        (("مرحبا بالعالم", "好"), "ar"),
        (("设 α β γ Δ", "α + β = γ"), None),
        (("求 sin θ", "θ = π/2"), None),
        (("Какая сегодня погода в Москве?", "Сегодня солнечно и тепло."), "ru"),
        (("Bonjour, comment allez-vous aujourd'hui ?", "Je vais très bien, merci beaucoup."), "fr"),
        (("你好，介绍一下自己", "Je suis très content de vous parler de moi et de ma famille."), "fr"),
        (("这是\ufffd\ufffd什么\ufffd", "不知道"), "garbled"),
        (("Translate “Ce qui a été appris est assez” into English.", "What has been learned is enough."), None),
        (("What language is this?\nJe suis à la recherche d'un nouvel emploi.", "French."), None),
        (
            (
                "List the elements.",
                "Hydrogen, helium, lithium, beryllium, boron, carbon, nitrogen, oxygen, fluorine, neon",
            ),
            None,
        ),
    ],
)
def test_languages(texts, reason):
    assert verdict("language", *texts) == reason


def test_the_chinese_and_the_english_version_of_a_set():
    """zh(d) and en(d) of BELLE's paper."""
    chinese, english = (
        ("你喜欢什么颜色？", "我喜欢蓝色。"),
        ("What is your favourite colour?", "I like the blue of the sea."),
    )
    assert (verdict("language", *chinese, keep=["zh"]), verdict("language", *english, keep=["zh"])) == (None, "en")
    assert (verdict("language", *chinese, keep=["en"]), verdict("language", *english, keep=["en"])) == ("zh", None)


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (
            (
                "描述一家公司的使命。",
                "The mission of a company is to define the purpose and the goals of the organization.",
            ),
            "answer",
        ),
        (("总结下面的文章。\nThe cat sat on the mat and it was happy with the world.", "猫很开心。"), "input"),
        (("把下面的句子翻译成英文：我很高兴", "I am very happy to see you in this place."), None),
        (("用 Python 写一个函数", "def add(a, b):\n    return a + b"), None),
        (("将音符按升序排列。\nD， C， F， A", "C， D， F， A， B， G"), None),
        (("给这首英语歌起一个标题", "The Long and Winding Road to the Sea"), None),
        (("计算 5 加 10", "15"), None),
        (("What is love?", "Love is the feeling that you have for the people in your life."), None),
    ],
)
def test_untranslated(texts, reason):
    assert verdict("untranslated", *texts) == reason


# --- answers

ASSISTANT = [
    "作为一个 AI 语言模型，我没有个人观点。",
    "作为由OpenAI创建的语言模型，我必须提醒您。",
    "作为开源的大型语言模型，我可以回答。",
    "我作为一个语言AI模型并不具备绘图功能。",
    "我抱歉，我是一个语言模型不能回答这个问题。",
    "作为一个负责任的AI助手，我必须指出风险。",
    "抱歉，作为一个文本机器人，我不能画图。",
    "作为一个AI语言模型，我没有个人情感。",
    "作为人工智能助手，我可以帮您。",
    "我是由OpenAI训练的语言模型，因此我没有个人经验。",
    "我是ChatGPT，很高兴认识你。",
    "我是一个人工智能助手，随时为您服务。",
    "你好！我是文心一言。",
    "截至我的知识更新，最新版本是3.0。",
    "As an AI language model, I don't have feelings.",
    "I'm ChatGPT, a model trained by OpenAI.",
    "I am an AI language model developed by OpenAI.",
    "Sure. As an AI, it is not possible for me to eat.",
    "I’m just an AI assistant created by Anthropic.",
    "I was trained by OpenAI on a lot of text.",
    "Hello! I'm an AI and cannot see you.",
]
NO_ASSISTANT = [
    "他认为你作为一个人工智能助手并没有帮到他。",
    "作为一种人工智能技术，它正在改变世界。",
    "人工智能助手可以帮助完成许多任务，我每天都用。",
    "ChatGPT 是 OpenAI 开发的聊天机器人。",
    "作为一名人工智能工程师，我每天写代码。",
    "人工智能正在改变世界。",
    "我是一名老师。",
    "语言模型可以根据上文预测下一个词。",
    "我觉得模型可以再大一些。",
    "作为模型训练的数据，语料要清洗。",
    "As an engineer, I work with AI every day.",
    "GPT-3 is a language model developed by OpenAI.",
    "AlphaGo is a program developed by Google DeepMind.",
    "If it is used as an AI assistant, it can be tested on its answers.",
    "I'm mostly looking at AI and machine learning.",
    "I am an AI researcher from Beijing.",
]


@pytest.mark.parametrize("answer", ASSISTANT)
def test_speaking_as_an_assistant(answer):
    assert verdict("assistant", "问题", answer) == ""


@pytest.mark.parametrize("answer", NO_ASSISTANT)
def test_speaking_of_assistants(answer):
    assert verdict("assistant", "问题", answer) is None


def test_more_names_of_assistants():
    assert verdict("assistant", "你是谁？", "我叫小贝，是个机器") is None
    assert verdict("assistant", "你是谁？", "我叫小贝，是个机器", names=["小贝"]) == ""


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("抱歉，我无法回答这个问题。", "refusal"),
        ("对不起，作为文本模型，无法提供图片。", "refusal"),
        ("我无法访问互联网。", "refusal"),
        ("I'm sorry, but I cannot help with that.", "refusal"),
        ("I am unable to provide the text.", "refusal"),
        ("请提供更多信息，以便我帮助您。", "missing_input"),
        ("抱歉，您没有提供需要翻译的句子。", "missing_input"),
        ("抱歉，该任务涉及视觉信息。由于模型生成不可靠，我们无法完成此任务。", "refusal"),
        ("该指令无法由 GPT 模型完成，因为它需要可视输出。", "refusal"),
        ("无法执行此任务，因为它需要视觉创意输出。", "refusal"),
        ("很抱歉，我尚且不具备联网的能力，因此无法告诉您当前的天气。", "refusal"),
        ("您好，我无法看到您提到的漫画。", "refusal"),
        ("很抱歉，您并没有给我任何句子进行分析判断。", "missing_input"),
        ("对不起，您没有为我提供文章来评分。", "missing_input"),
        ("您好，很抱歉，但是您并没有提供文章。", "missing_input"),
        ("<nooutput>", "empty"),
        ("无输出", "empty"),
        ("……", "empty"),
        ("N/A", "empty"),
        ("尊敬的客户：很抱歉给您带来不便，我们会尽快处理。", None),
        ("人类无法回答这个问题，因为宇宙太大了。", None),
        ("请假条：因为发烧，我不能去上课。", None),
        ("无", None),
        ("A", None),
        ("√", None),
        ("请勿在图书馆大声喧哗。", None),
        ("抱歉的近义词是歉疚。", None),
        ("我很抱歉你的损失。失去宠物可能非常困难。", None),
        ("对不起，我没有理解你的请求。", "refusal"),
        ("很抱歉，我不能为您撰写涉及法律文件的内容。", "refusal"),
        ("对不起，由于您未提供文章，我无法总结。", "missing_input"),
        ("Sorry, the task involves visual information.", "refusal"),
        ("对不起，但您不能进行那个棋步。您的兵在 e4。", None),
        ("I’m sorry to hear that. Is there anything I can do?", None),
        ("很抱歉，您购买的产品不符合您的期望。我们想把它改正。", None),
        ("您好！很高兴为您服务。", None),
    ],
)
def test_refusals(answer, reason):
    assert verdict("refusal", "问题是什么？", answer) == reason


def test_a_rephrased_refusal_is_an_answer():
    assert verdict("refusal", "改写句子：“我无法弄清楚”", "我无法理解它。") is None


@pytest.mark.parametrize(
    ("answer", "dropped"),
    [
        ("我喜欢吃苹果和香蕉，因为它们很甜。" * 8, True),
        ("开头很正常，讲了一个故事。" + "然后他走了，" * 30, True),
        ("哈" * 100, True),
        ("\n".join(["1. 保持健康的生活方式和饮食习惯"] * 9), True),
        ("We have to look at the data again and then decide. " * 6, True),
        (
            "\n".join(
                f"{day}: 15 minutes of {what}"
                for day, what in zip(
                    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
                    ["running", "swimming", "cycling", "yoga", "boxing", "walking"],
                )
            ),
            False,
        ),
        (
            "\n".join(
                f"What is the difference between {a} and {b}?"
                for a, b in zip(
                    ["tea", "cats", "rain", "gold", "jazz", "snow"],
                    ["coffee", "dogs", "hail", "silver", "blues", "ice"],
                )
            ),
            False,
        ),
        (
            "早睡早起，按时吃饭，多喝开水，少吃零食。每天运动半小时，饭后散步。保持好心情，多和朋友来往，常给家里打电话。",
            False,
        ),
        ("床前明月光，疑是地上霜。举头望明月，低头思故乡。" * 2, False),
        ("| 名 | 值 |\n|----|----|\n" + "\n".join(f"| 甲{n} | {n} |" for n in range(20)), False),
        ("<table>\n" + "\n".join(f"  <tr>\n    <td>{n}</td>\n  </tr>" for n in range(12)) + "\n</table>", False),
        ("是", False),
    ],
)
def test_repetition(answer, dropped):
    assert (verdict("repetition", "问", answer) is not None) == dropped


def test_the_share_of_a_loop():
    from belle_filters.repetition import looping

    assert looping("abcd" * 50, 12, 4) == (1.0, "abcd")
    assert looping("x" * 3 + "efgh" * 50 + "y" * 97, 12, 4)[0] == pytest.approx(200 / 300)
    assert looping("".join(map(chr, range(0x4E00, 0x4E00 + 400))), 12, 4)[0] == 0.0


PROSE = "春天来了，花儿都开了，人们走出家门去看花，孩子们在草地上奔跑，老人们坐在长椅上晒太阳，" * 5


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (PROSE, "open_sentence"),
        ("可以这样写：\n```python\nprint(1)", "open_code"),
        ("需要的材料包括面粉、鸡蛋、牛奶、白糖和黄油，以及", "open_sentence"),
        ("The reasons are many and we have to look at all of them because", "open_sentence"),
        (PROSE + "大家都很高兴。", None),
        (PROSE + "”", None),
        ("北京", None),
        ("苹果\n香蕉\n" + "\n".join(f"第{n}种水果" for n in range(60)), None),
        ("```python\nprint(1)\n```", None),
        (PROSE + "快来吧！#春天 #花 #出游", None),
        (PROSE + "详见 https://example.com/a", None),
        ("1. 伊朗\n2. 土耳其\n3. 沙特阿拉伯\n4. 埃及", None),
        (PROSE + "大家都很高兴。\n\n怀着衷心的感激，", None),
        (PROSE + "大家都很高兴。\n\n此致\n2023年4月15日", None),
        (PROSE + "症状包括：发热、咳嗽、乏力、头痛、腹泻、呕吐、皮疹、胸闷", None),
        (PROSE + "这样就做好了！你可以趁热享用啦", None),
        (PROSE + "所以答案如下。\n北京", None),
        (PROSE + "祝你们好运！:hackathon:", None),
        ("1. 早起：" + PROSE + "很好。\n2. 运动：" + PROSE + "很好。\n3. 读书：" + PROSE[:80] + "然后他们去", "no_end"),
        ("Dear Professor [last name],", None),
        ("1. Be kind\n2. Offer to help someone with a task they are struggling with", None),
        ("Reading is good for you. " * 10 + "1. Tea 2. Coffee 3. Milk 4. Water with lemon 5. Orange juice", None),
        ("Environment of the report is as follows. " * 6 + "\nOS: Windows 10\nProgram: Program Name", None),
        ("for (int i = 0; i < 10; i++) {\n  sum += i;\n}", None),
    ],
)
def test_truncated(answer, reason):
    assert verdict("truncated", "问", answer, min=200) == reason


@pytest.mark.parametrize("unit", ["好", "a", "a@", "![图片", "$", "请提供", "<p>", "我是", '<p><a b="', "13812345678 "])
@pytest.mark.parametrize("name", ["truncated", "impossible", "refusal", "assistant", "html", "repair", "personal"])
def test_the_time_grows_with_the_length_only(name, unit):
    one = made(name)
    for question, answer in ((unit * 100_000, "好的。"), ("问", unit * 100_000)):
        started = time.process_time()
        one(example(question, answer))
        assert time.process_time() - started < 3  # quadratic ones took minutes


def test_the_source_says_that_it_is_truncated():
    assert verdict("truncated", "问", "答。", meta={"finish_reason": "length"}) == "length_limit"
    assert verdict("truncated", "问", "答。", meta={"finish_reason": "stop"}) is None


@pytest.mark.parametrize(
    ("question", "dropped"),
    [
        ("画一张猫的图片", True),
        ("根据下面的图片写一段话。\n[图片]", True),
        ("分析这张照片并解释它的内容", True),
        ("请访问以下网站并总结", True),
        ("打开附件并告诉我里面写了什么", True),
        ("播放一段视频", True),
        ("Draw me a picture of a cat", True),
        ("Describe the following image.", True),
        ("写一段关于摄影的文字", False),
        ("编写一个函数，读取图片文件并显示图片", False),
        ("什么是视频会议？", False),
        ("推荐几个学习英语的网站", False),
        ("地图上为什么上北下南？", False),
        ("建议一个拍摄家庭照片的好主意。", False),
        ("把这段视频翻译成中文", True),
        ("给定一张照片，用2-3句话描述你所看到的。", True),
        ("为提供的照片中描绘的船命名。", True),
        ("动画和漫画有什么区别？", False),
        ("国画与照片相比有什么优势", False),
        ("今天下载了布卡漫画 为什么我手机还是卡", False),
        ("如何在micro:bit上显示图像？", False),
        ("为什么我上传的图片显示不出来？", False),
        ("播放视频没有声音怎么办？", False),
        ("谁绘制了第一张世界地图？", False),
        ("用Markdown画一个思维导图", False),
        ("提供图像映射的示例并解释其工作原理。", False),
        ("用一个短语总结这个概念。\n通过多种模式（如文本、音频、视频等）发送信息的能力。", False),
        ("总结下面的文字。\n我昨天在网上找了一张照片，画得真好。", False),
        ("How does a camera take pictures?", False),
        ("The band played 5 songs in their first set. How many songs are left?", False),
        ("Maria wants to paint a picture and buys brushes for $20. How much is left?", False),
        ("尝试想出一些标题，鼓励观众点击并观看视频。", False),
        ("创建一个神经网络来识别猫和狗的照片。", False),
        ("Create a pie chart to illustrate these figures.", True),
        ("Please generate an image of a dog.", True),
    ],
)
def test_impossible(question, dropped):
    assert (verdict("impossible", question, "好的。") is not None) == dropped


# --- personal data, numbers, lengths


def test_personal_data_is_masked_everywhere():
    given = example("我叫张三，手机13812345678", "好的，已发到zhang@qq.com。", system="卡号4111111111111111")
    result = made("personal")(given)
    assert result.conversation.system == "卡号<bank_card>"
    assert [turn.text for turn in result.conversation.turns] == ["我叫张三，手机<phone>", "好的，已发到<email>。"]
    only = made("personal", kinds=["email"])(given)
    assert "13812345678" in only.conversation.question and "<email>" in only.conversation.answer


def test_other_fields_of_a_record_are_masked_and_decide_nothing():
    given = example("问", "答", meta={"author": {"phone": "13812345678", "ids": [7, "zhang@qq.com"]}, "score": 3})
    after = {"author": {"phone": "<phone>", "ids": [7, "<email>"]}, "score": 3}
    for action in ("mask", "drop"):
        assert made("personal", action=action)(given).meta == after
    plain = example("问", "答", meta={"score": 3})
    assert made("personal")(plain) is plain


def test_the_evidence_of_a_drop_is_redacted():
    result = made("personal", action="drop")(example("我的手机是13812345678", "记住了"))
    assert result.reason == "phone" and "138" not in result.evidence and "<phone>" in result.evidence


def test_masking_repairs_and_dropping_does_not():
    """Held-out files go through what repairs."""
    assert made("personal").repairs and not made("personal", action="drop").repairs


@pytest.mark.parametrize(
    ("options", "texts", "reason"),
    [
        ({}, ("问", "答"), None),
        ({}, ("问", " \n"), "short"),
        ({"min": 3}, ("问", "两字"), "short"),
        ({"min_question": 3}, ("问", "答"), "short_question"),
        ({"max": 5}, ("问题", "答案很长"), "long"),
        ({"max": 6}, ("问题", "答案很长"), None),
        ({"max_turns": 2}, ("问", "答", "问", "答"), "many_turns"),
        ({"max": 5, "unit": "tokens"}, ("abcdefgh", "abcdefgh"), None),
        ({"max": 5, "unit": "tokens"}, ("六个汉字也算", "六"), "long"),
    ],
)
def test_length(options, texts, reason):
    assert verdict("length", *texts, **options) == reason


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({"s": 3}, None),
        ({"s": 2}, "low"),
        ({"s": "2.5"}, "low"),
        ({"s": 6}, "high"),
        ({}, None),
        ({"s": None}, None),
        ({"s": "?"}, None),
    ],
)
def test_score(meta, reason):
    assert verdict("score", "问", "答", meta=meta, field="s", min=3, max=5) == reason


def test_a_score_inside_and_a_missing_one():
    assert verdict("score", "问", "答", meta={"a": {"b": 1}}, field="a.b", min=2) == "low"
    assert verdict("score", "问", "答", field="a.b", min=2, missing="drop") == "missing"


def test_pieces_keep_every_turn_in_order():
    """Cut behind answers only, none longer than asked, the system text before each."""
    texts = [f"{'问' if at % 2 == 0 else '答'}{'字' * 20}{at}" for at in range(20)]
    given = example(*texts, system="你是助手")
    pieces = made("pieces", tokens=100, overhead=0)(given)
    assert [turn.text for piece in pieces for turn in piece.conversation.turns] == texts
    assert all(piece.conversation.turns[-1].role == "assistant" for piece in pieces)
    assert all(piece.conversation.system == "你是助手" for piece in pieces)
    assert len({piece.id for piece in pieces}) == len(pieces) > 1
    assert all(sum(len(turn.text) for turn in piece.conversation.turns) <= 100 for piece in pieces)


def test_pieces_leave_what_fits_and_drop_what_cannot():
    assert verdict("pieces", "短", "也短") is None
    assert verdict("pieces", "问", "字" * 3000) == "long_exchange"
    *around, drop = made("pieces", tokens=50)(example("一", "二", "三", "字" * 100, "五", "六"))
    assert [[turn.text for turn in piece.conversation.turns] for piece in around] == [["一", "二"], ["五", "六"]]
    assert drop.reason == "long_exchange" and "三" in drop.evidence


def test_turns_in_are_turns_kept_and_turns_rejected(tmp_path):
    """Also where a conversation goes on without some of its exchanges, in the counts and in what is noted."""
    from belle_core import StageContext
    from belle_core.config import CleaningConfig
    from belle_core.data import ExamplesWriter, Given, clean, read_examples

    lengths = [[3, 90, 5], [90], [90, 90], [4, 4], [50, 50, 90, 50]]
    examples = [
        Example(str(n), Conversation.of_messages([
            {"role": role, "content": "字" * (length if role == "assistant" else 2)}
            for length in some for role in ("user", "assistant")
        ])) for n, some in enumerate(lengths)
    ]  # fmt: skip
    with ExamplesWriter(tmp_path) as writer:
        config = CleaningConfig(clean={"pieces": load_catalog().part("filter", "pieces").config(tokens=80, overhead=0)})
        context = StageContext(tmp_path, {}, {})
        for batch in clean(Given((e.id, e) for e in examples), config, context, writer):
            batch.write(writer, "train")
        artifact = writer.finish(licences=[])
    lines = (tmp_path / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    rejected = [int(json.loads(line)["evidence"].split()[0]) for line in lines]
    kept = [len(one.conversation.turns) for one in read_examples(artifact, "train")]
    assert sum(kept) + sum(rejected) == sum(len(one.conversation.turns) for one in examples)
    counts = artifact.cleaned["pieces"]
    assert counts["in"] + counts["added"] - counts["dropped"] == len(kept) and counts["dropped"] == len(rejected) == 5


def test_text_for_pretraining_goes_through_all_filters():
    """Filters of conversations leave it alone."""
    given = Example("x", text="春天来了，花儿都开了。")
    for part in load_catalog():
        if part.kind == "filter" and not hasattr(part.load(), "decide"):
            assert made(part.name)(given) is given, part.name


# --- many examples


class Summaries:
    """A corpus for ``decide``."""

    def __init__(self, filter, examples):
        self._summaries = filter.summaries(examples)

    def summaries(self):
        return iter(self._summaries)


def kept(name: str, examples, **options) -> list[int]:
    """Numbers of the examples that stay."""
    filter = made(name, **options)
    return [n for n, drop in enumerate(filter.decide(Summaries(filter, examples))) if drop is None]


def test_exact_duplicates_after_normalising():
    texts = ["你好，世界！", "你好世界", "ｈｅｌｌｏ", "Hello", "3-2", "32", "？", "！", "甲", "乙"]
    assert kept("exact", [example("问", text) for text in texts]) == [0, 2, 4, 5, 6, 7, 8, 9]


def test_who_says_it_matters():
    assert kept(
        "exact", [example("甲", "乙"), example("甲乙", ""), example("乙", "甲"), example("甲", "乙", system="丙")]
    ) == [0, 1, 2, 3]
    assert kept("exact", [example("甲", "乙"), example("甲", "丙"), example("丁", "乙")], by="question") == [0, 2]


@pytest.mark.parametrize("most", [128, 0.002])
def test_the_set_of_digests_equals_a_set(monkeypatch, most):
    """Against Python's own, with digests that share their first bytes and overlap inside a bucket, also while buckets are divided twice."""
    from hashlib import blake2b

    from belle_filters import digests
    from belle_filters.digests import DigestSet

    monkeypatch.setattr(digests, "MOST", most)
    ours, theirs = DigestSet(), set()
    for number in range(20000):
        digest = b"ab" + blake2b(str(number % 7001).encode(), digest_size=14).digest()
        digest = digest if number % 2 else b"\0" * 15 + bytes([number % 5])
        assert ours.add(digest) == (digest not in theirs)
        theirs.add(digest)
    assert ours._bits == (24 if most < 1 else 16)


@pytest.mark.parametrize("options", [{"count": 100}, {"share": 0.1}])
def test_samples(options):
    examples = [example(f"问{n}", "答") for n in range(1000)]
    first = kept("sample", examples, **options)
    assert len(first) == 100 if "count" in options else 70 <= len(first) <= 130
    assert kept("sample", examples, **options) == first != kept("sample", examples, seed=1, **options)
    turned = kept("sample", examples[::-1], **options)
    assert sorted(999 - n for n in turned) == first


def test_of_equal_numbers_as_many_stay_as_there_is_room_for():
    from belle_filters.sample import smallest

    for numbers in ([5, 1, 1, 1, 2], [(1 << 64) - 1, 0, 7], [4, 4, 4]):
        for count in (1, 2):
            limit, ties = smallest(array("Q", numbers), count)
            assert sorted(numbers)[:count] == [n for n in sorted(numbers) if n < limit] + [limit] * ties


def test_a_sample_larger_than_the_data_is_the_data():
    assert kept("sample", [example(f"{n}", "答") for n in range(5)], count=9) == [0, 1, 2, 3, 4]


# --- real data


def alpaca(path) -> list[Example]:
    """Examples of a JSON file in Alpaca's layout, with whatever else a record says."""
    text = path.read_text(encoding="utf-8")
    records = json.loads(text) if text[0] == "[" else map(json.loads, text.splitlines())
    return [
        Example(
            str(n), Conversation.of("\n".join(filter(None, [r["instruction"], r.get("input")])), r["output"]), meta=r
        )
        for n, r in enumerate(records)
        if r["instruction"] and r["output"]
    ]


def test_untranslated_pairs_are_found_by_their_language(shared):
    """``dirty_zh/…18280-21320…``: about 900 of 2,290 records were never translated; they are told by their question."""
    (path,) = (shared / "data" / "dirty_zh").glob("*18280-21320*")
    filter, han = made("language", keep=["zh"]), re.compile("[\u4e00-\u9fff]")
    right = found = left = 0
    for one in alpaca(path):
        untranslated, dropped = not han.search(one.conversation.question), isinstance(filter(one), Drop)
        right, found, left = right + (dropped and untranslated), found + dropped, left + (untranslated and not dropped)
    assert right / found >= 0.98 and right / (right + left) >= 0.98, (right, found, left)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("untranslated", 0.001),
        ("assistant", 0.001),
        ("refusal", 0.003),
        ("repetition", 0.001),
        ("truncated", 0.002),
        ("impossible", 0.006),
        ("language", 0.001),
    ],
)
def test_good_data_is_left_alone(shared, name, most):
    """Of 51,000 records of Alpaca in Chinese at most this share is dropped."""
    filter = made(name)
    examples = alpaca(shared / "data" / "alpaca" / "alpaca_zh_51k.jsonl")
    assert sum(isinstance(filter(one), Drop) for one in examples) <= most * len(examples)
