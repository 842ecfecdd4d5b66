"""What is wrong with a record, in Chinese: the words come from several libraries and are kept in English in the data."""

from __future__ import annotations

import re

WORDS = (
    (r"Expecting value", "此处应为一个值"),
    (r"Expecting property name enclosed in double quotes", "此处应为双引号中的键名"),
    (r"Expecting '(.)' delimiter", r"此处应为 '\1'"),
    (r"Unterminated string starting at", "字符串没有结束"),
    (r"Invalid control character at", "字符串中有未转义的控制字符"),
    (r"Invalid \\escape", "无效的转义"),
    (r"Invalid \\uXXXX escape", r"无效的 \\uXXXX 转义"),
    (r"Illegal trailing comma before end of (object|array)", "结尾处多了一个逗号"),
    (r"nested deeper than (\d+)", r"嵌套超过 \1 层"),
    (r"half of a surrogate pair (\(.*?\))", r"半个代理对（U+D800 至 U+DFFF）"),
    (r"more after the end of the value", "值之后还有多余内容"),
    (r"a comma stands after the value", "值之后多了一个逗号"),
    (r"the key (.+) stands twice in one object", r"同一对象中键 \1 出现两次"),
    (r"(NaN|-?Infinity) is not JSON", r"\1 不是合法的 JSON"),
    (r"the number (.+) is too large", r"数字 \1 过大"),
    (r"a record is longer than ([\d,]+) characters", r"记录超过 \1 个字符"),
    (r"the line is longer than ([\d,]+) characters", r"该行超过 \1 个字符"),
    (r"expected a key in quotes", "此处应为引号中的键"),
    (r"expected : after a key", "键之后应为 :"),
    (r"expected , or (.) but found (.+)", r"应为 , 或 \1，却是 \2"),
    (r"the file ends inside the object", "文件在对象中间结束"),
    (r"the file ends inside the array", "文件在数组中间结束"),
    (r"the file ends inside a record", "文件在一条记录中间结束"),
    (r"a comma stands before the closing \]", "结尾的 ] 之前多了一个逗号"),
    (r"a comma is missing between two records", "两条记录之间缺少逗号"),
    (r"not (\S+) at byte offset (\d+)", r"字节偏移 \2 处不是 \1"),
    (r"(\d+) fields where the header has (\d+)", r"有 \1 个字段，而表头有 \2 个"),
    (r"the header stands here again", "此处又出现了一次表头"),
    (r"line contains NUL", "该行含有零字节"),
    (r"a carriage return stands outside quotes", "引号外有单独的回车符"),
    (r"field larger than field limit (\(\d+\))", r"字段过长 \1"),
    (r"unexpected end of data", "数据意外结束"),
    (r"keys: (.*)", r"现有的键：\1"),
    (r"keys: (.*); known: (.*)", r"现有的键：\1；已知：\2"),
    (r"(\w+) where text should be", r"此处应为文本，却是 \1"),
    (
        r"a list where text should be; (.+) reads it as answers of which the first is the best",
        r"此处应为文本，却是列表；\1 将其作为多个回答读取，第一个为最好",
    ),
    (r"two lists of answers; choose with (.+) or (.+)", r"有两组回答；请用 \1 或 \2 选择"),
    (
        r"true or false of what is not said; say (.+) if it says whether the answer is good, (.+) if it does not",
        r"true 或 false 的含义不明；如果表示回答好坏，请写 \1；如果不是，请写 \2",
    ),
    (r"(\d+) answers where one should be", r"有 \1 个回答，而此处应只有一个"),
    (r"(\w+) where a list should be", r"此处应为列表，却是 \1"),
    (r"(\w+) where an? (?:object|pair|message) should be", r"此处应为对象，却是 \1"),
    (r"(\w+) where turns should be", r"此处应为各轮对话，却是 \1"),
    (r"(.+) where one of (.+) should be", r"此处应为 \2 之一，却是 \1"),
    (r"(.+) where a number should be", r"此处应为数字，却是 \1"),
    (r"(.+) where true or false should be", r"此处应为 true 或 false，却是 \1"),
    (r"a message needs a role and a text; it has: (.*)", r"一条消息应有说话人和文本；现有：\1"),
    (
        r"a message without its tree; the same data set holds whole trees, which (.+) takes",
        r"单条消息，没有所在的对话树；同一数据集中有完整的对话树，请用 \1",
    ),
    (r"messages written as Python and not as JSON: (.*)", r"消息按 Python 而不是 JSON 写成：\1"),
    (r"lists of \d+ lengths, which belong together: (.*)", r"本应等长的列表长短不一：\1"),
    (r"a message's weight should be a number of at least 0, not (.+)", r"消息的权重应为不小于 0 的数，而不是 \1"),
    (r"(\d+) weights for (\d+) messages", r"\2 条消息有 \1 个权重"),
    (r"should be a list of (answers|texts)", "此处应为文本的列表"),
    (r"should be two answers, which two numbers under sort rank", "此处应为两个回答，sort 中的两个数为其排序"),
    (r"should be a list of \[question, answer\]", "此处应为 [问, 答] 的列表"),
    (r"not between marks: (.*)", r"不在标记之间：\1"),
    (r"a message of the (user|assistant) should be here: (.*)", r"此处应为 \1 的消息：\2"),
    (r"the first records of the file are broken", "文件开头的记录已损坏"),
)
PLACE = re.compile(r"(?s)(.*) \(character (\d+) of the line\)")


def in_chinese(why: str) -> str:
    """*why* as it was noted of a record, in Chinese; as it is if nobody has translated it."""
    if place := PLACE.fullmatch(why):
        return f"{in_chinese(place[1])}（该行第 {place[2]} 个字符）"
    for english, chinese in WORDS:
        if found := re.fullmatch(english, why, re.DOTALL):
            return found.expand(chinese)
    return why
