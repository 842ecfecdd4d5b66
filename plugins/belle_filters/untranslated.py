"""BELLE's post-filter: a Chinese instruction with an English input or answer."""

from __future__ import annotations

import re

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.languages import ENGLISH, FENCE, HAN, WORD, han_share, is_code
from belle_core.data.personal import excerpt
from belle_filters.config import UntranslatedConfig

ASKED = re.compile(
    "英文|英语|英译|美语|外语|翻译|译成|译为|双语|拼写|单词|字母|缩写|首字母|词汇|词根|前缀|后缀|时态|语态|语法|主谓|名词|动词|形容词|副词|介词|拉丁|法语|德语|西班牙|日语|韩语|"
    "逻辑|代码|程序|函数|脚本|算法|编程|编码|数据库|网页|界面|表单|二叉树|数组|链表|排序|遍历|递归|查询|语句|命令|表达式|正则|网址|网站|链接|邮箱|域名|变量|密码|公式|方程|化学式|标题|歌名|歌词|书名|片名|名字|名称|口号|押韵|回文|"
    "HTML|CSS|SQL|JSON|XML|URL|Python|Java|[A-Za-z]\\+\\+|(?<![A-Za-z])[A-Za-z]{2,}(?![A-Za-z])|[“\"'‘][A-Za-z][”\"'’]",
    re.IGNORECASE,
)
"""Instructions that may well be answered in English: about words and languages, letters, names, code."""
BESIDE = re.compile(r"《[^》\n]*》|\A\s*[（(][^（(）)]*[)）]\s*\Z")
"""Titles, and an input that only says the instruction again, in brackets."""


class Untranslated:
    """Reasons: ``answer``, ``input``. Only the last exchange of a conversation is looked at."""

    repairs = False

    def __init__(self, config: UntranslatedConfig) -> None:
        self.config = config

    def __call__(self, example: Example) -> Example | Drop:
        conversation = example.conversation
        if conversation is None:
            return example
        answer = conversation.answer
        instruction, _, more = conversation.question.partition("\n")
        english = self._english(answer)
        if not english and not (self.config.input and self._english(more)):
            return example
        if han_share(instruction) < 0.5 or ASKED.search(instruction):
            return example
        return Drop(
            "answer" if english else "input", f"{excerpt(instruction)} → {excerpt(answer if english else more)}"
        )

    def _english(self, text: str) -> bool:
        """English prose: no Chinese, enough words, common ones among them, and no program."""
        if not text or HAN.search(text, 0, 200) or HAN.search(text):
            return False
        text = BESIDE.sub(" ", FENCE.sub(" ", text))
        words = [word for word in WORD.findall(text) if len(word) > 1]  # not the A, B, C of notes, choices and points
        common = sum(word.lower() in ENGLISH for word in words)
        return len(words) >= self.config.words and common >= max(2, 0.1 * len(words)) and not is_code(text)
