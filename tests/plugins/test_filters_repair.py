"""What ``repair`` and ``html`` must never do, whatever the text: properties over pieces of many scripts, code, formulas and dirt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_core.conversation import Conversation, Example, Turn
from belle_core.plugins import load_catalog

CODE = "\n```python\ndef f():\n    x  = 1   \n\n\n\n    return x\n```\n"
SEEN = [
    *("你好", "“全角”", "，。；！？", "（）【】《》", "ＡＢＣ１２３", "……——～", "①㎏ﬁⅫ", "é", "ᾧ", "葛\U000e0100"),
    *("👨‍👩‍👧", "❤️‍🔥", "1️⃣", "🏳️‍🌈", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "👍🏽", "⁉️"),
    *("བོད་ཡིག", "ئۇيغۇرچە", "عربي\u200f (a)\u200e ب", "می‌خواهم", "हिन्दी क्‍ष", "ไทย", "\u1100\u1161\u11a8", "か\u3099"),
    *(
        "𠮷𪚥𫝀𬺰𮯠𰀀",
        "ｱｲｳｶﾞ",
        "$a_1 * b^2$",
        "\\frac{1}{2}",
        "\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        "a b",
        "\n",
        "\n\n",
        "\t",
    ),
]
DIRT = ["\u200b", "\xa0", "\r\n", "\x07", "\ufeff", " \n", "\n\n\n\n", "\xad", "\u2028", "\x0c", "\u202a"]


def made(name: str, **options):
    part = load_catalog().part("filter", name)
    return part.load()(part.config(**options))


@pytest.fixture(scope="module")
def repaired():
    return made("repair").repaired


def visible(text: str) -> str:
    return "".join(character for character in text if not character.isspace())


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(st.sampled_from(SEEN), max_size=10))
def test_nothing_that_is_seen_changes(repaired, pieces):
    text = "".join(pieces)
    assert visible(repaired(text)) == visible(text)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(st.sampled_from([*SEEN, *DIRT, CODE]), max_size=12))
def test_twice_is_once(repaired, pieces):
    once = repaired("".join(pieces))
    assert repaired(once) == once


@settings(max_examples=100, deadline=None)
@given(before=st.lists(st.sampled_from([*SEEN, *DIRT])), behind=st.lists(st.sampled_from([*SEEN, *DIRT])))
def test_blocks_of_code_stay_to_the_blank(repaired, before, behind):
    assert CODE.strip() in repaired("".join(["甲", *before, CODE, *behind, "乙"]))


def test_two_lines_between_functions_stay_outside_blocks_too(repaired):
    program = "def f(x):\n    return x + 1\n\n\ndef g(x):\n    return f(x) * 2"
    assert repaired(program) == program and repaired("一段\n\n\n二段") == "一段\n\n二段"


def test_what_divides_pages_and_lines_is_a_line_end(repaired):
    assert repaired("第一页\x0c第二页\x0b第二行") == "第一页\n第二页\n第二行"


def test_marks_of_direction_stay_where_something_runs_from_right_to_left(repaired):
    assert repaired("שלום\u200f (a)\u200e") == "שלום\u200f (a)\u200e" and repaired("中\u200e文\u202c") == "中文"


MARKDOWN = {
    "<p>公式 $a_1 * b_2$ 和 my_name 与 2 * 3</p>": "公式 $a_1 * b_2$ 和 my_name 与 2 * 3",
    "<p>用 vector<int> 时 a<b and c>d</p>": "用 vector<int> 时 a<b and c>d",
    "<p>若 1<2 则 <code>List&lt;String&gt;</code></p>": "若 1<2 则 `List<String>`",
    "<ul><li>甲<ul><li>乙<ol><li>丙</li></ol></li></ul></li><li>丁</li></ul>": "- 甲\n  - 乙\n    1. 丙\n- 丁",
    "<table><tr><th>a|b</th><th>c</th></tr><tr><td>1</td><td>2</td></tr></table>": "| a\\|b | c |\n| --- | --- |\n| 1 | 2 |",
    '<pre><code class="language-python">a\n\n\nb</code></pre>': "```python\na\n\n\nb\n```",
    '<p>数 <span class="katex"><span class="katex-mathml"><math><semantics><mrow><mi>x</mi></mrow><annotation encoding="application/x-tex">'
    'x^2</annotation></semantics></math></span><span class="katex-html">x2</span></span></p>': "数 $x^2$",
}


@pytest.mark.parametrize(("html", "markdown"), MARKDOWN.items())
def test_formulas_comparisons_and_templates_survive(html, markdown):
    assert made("html").converted(html) == markdown


PAGE = "<p>当然可以：</p><pre><code>&lt;p&gt;你好&lt;/p&gt;</code></pre>"


@pytest.mark.parametrize(
    ("turns", "after"),
    [
        (("用 HTML 写一个段落", "<p>你好</p>"), "<p>你好</p>"),
        (("Edit this: <p>hello</p>", '<p style="color: blue;">hello</p>'), '<p style="color: blue;">hello</p>'),
        (("春天是什么？", "<p>一个季节。</p>"), "一个季节。"),
        (("用 HTML 写一个段落", PAGE), "当然可以：\n\n```\n<p>你好</p>\n```"),
        (("什么是 HTML？", "<p>一种语言。</p>", "谢谢", "<p>不客气。</p>"), "一种语言。"),
    ],
)
def test_markup_that_was_asked_for_is_the_answer(turns, after):
    given = Conversation(tuple(Turn(("user", "assistant")[at % 2], text) for at, text in enumerate(turns)))
    assert made("html")(Example("x", given)).conversation.turns[1].text == after
