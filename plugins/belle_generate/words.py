"""Sums that a solution says in words: ``24个苹果除以3等于8个``, ``7与5的和是12``, ``40的一半是20``, ``17除以5，商3余2``.

Only what can mean one thing is read. A sum with more operations of both kinds, a part of a longer one, a supposition, a question, and
units of different sizes are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from belle_generate.notation import NUMERAL, number_of
from belle_generate.units import one_size

Claim = tuple[str, str, str]
SIGNS = {"加": "+", "减": "-", "乘": "*", "除": "÷"}
"""By the first character of the word."""
NAMED = {"和": "+", "加": "+", "差": "-", "减": "-", "积": "*", "乘": "*", "商": "÷", "除": "÷"}
DO = r"(?:加上?|减[去掉]?|乘[以上]?|除以)"
NUMBER = rf"(?:\d+(?:\.\d+)?%?|\(\d+(?:\+\d+)?/\d+\)|{NUMERAL})"
UNIT = r"(?:[^\W\da-zA-Z加减乘除的倍折成半和与差积商余不再多少第等得是为即]{0,6}?)"
WHAT = r"[^\W\da-zA-Z加减乘除的倍折成半和与差积商余不再多少第等得是为即]{0,8}?"
"""Words between an operation and its number: ``除以朋友数量4``."""
LINK = r" *(?P<link>,? *(?:也?就?等于|可?以?得[到出]?|结果[是为]|的结果[是为]|答案[是为]|也就是|约等于|即|≈|商[是为]?)|=|[是为]|就是) *:? *"
FILL = r"(?P<fill>[^\d\W加减乘除再比第占多少余否不非吗于一二两三四五六七八九十百千万]{0,12}?) *"
RESULT = rf"(?P<result>{NUMBER})(?! *[a-zA-Z](?![a-zA-Z])| *[\d.%/*+\-÷=^:万亿倍折成多几点又]| *{DO}| *\(\d|的|分之) *(?P<unit>[^\W\da-zA-Z]{{0,4}})"
BEFORE = r"(?<![\d.+\-*/÷^%()第点之约近加减乘除以上去掉与和跟比到至一二两三四五六七八九十百千万亿])(?<![倍半一和差积商]的)(?<![\d.+\-*/÷^%(=] )(?<!\d:)"
CHAIN = re.compile(
    rf"{BEFORE}(?P<first>{NUMBER}) *(?P<u1>{UNIT})(?P<rest>(?: *{DO} *{WHAT}{NUMBER} *{UNIT}){{1,4}})(?:的[和差积商])?{LINK}{FILL}{RESULT}"
)
STEP = re.compile(rf" *({DO}) *{WHAT}({NUMBER}) *({UNIT})(?= *{DO}|$)")
PAIR = re.compile(
    rf"{BEFORE}(?P<first>{NUMBER}) *(?P<u1>{UNIT})[与和跟] *(?P<second>{NUMBER}) *(?P<u2>{UNIT})(?:的(?P<named>[和差积商])|相(?P<done>[加减乘除])){LINK}{FILL}{RESULT}"
)
PART = re.compile(
    rf"{BEFORE}(?P<first>{NUMBER}) *(?P<u1>{UNIT})的 *(?:(?P<half>一半)|(?P<times>{NUMBER}) *倍|(?P<share>\d+(?:\.\d+)?%|\(\d+/\d+\))){LINK}{FILL}{RESULT}"
)
REST = re.compile(r"[^\d,。;!?\n]{0,4}?[,和]? *余数? *[是为]? *(\d+)")
SUPPOSED = re.compile(r"如果|假[如设]|[若误错设]|以为|不是|是否|不能|验证|检验")
ROUGH = re.compile(r"[约近]|大概|左右|保留|整数部分|最多|至少|只能")


def said_in(text: str) -> Iterator[tuple[Claim | None, str]]:
    """The equations of *text*, which has plain signs, with how they stand there; ``None`` for one that cannot be judged."""
    for pattern, sides in ((CHAIN, _chain), (PAIR, _pair), (PART, _part)):
        for found in pattern.finditer(text):
            yield _claim(found, *sides(found)), found[0]


def _chain(found: re.Match[str]) -> tuple[str, list[str]]:
    steps = STEP.findall(found["rest"])
    signs = [SIGNS[word[0]] for word, _, _ in steps]
    mixed = len({sign in "+-" for sign in signs}) > 1  # 3加4乘以5
    share = any(sign in "+-" and number.endswith("%") for sign, (_, number, _) in zip(signs, steps, strict=True))
    numbers = [number_of(number) for _, number, _ in steps]
    if mixed or share or None in numbers or not steps:
        return "", []
    return "".join(f"{sign}{number}" for sign, number in zip(signs, numbers, strict=True)), [
        unit for _, _, unit in steps
    ]


def _pair(found: re.Match[str]) -> tuple[str, list[str]]:
    second = number_of(found["second"])
    return (f"{NAMED[found['named'] or found['done']]}{second}" if second else ""), [found["u2"]]


def _part(found: re.Match[str]) -> tuple[str, list[str]]:
    share = "(1/2)" if found["half"] else found["share"] or number_of(found["times"])
    return (f"*{share}" if share else ""), []


def _claim(found: re.Match[str], rest: str, units: list[str]) -> Claim | None:
    first, result, text = number_of(found["first"]), number_of(found["result"]), found.string
    behind = text[found.end("result") : found.end("result") + 12]
    clause = re.split(r"[,。;:!?]", text[: found.start()])[-1]
    given = found.groupdict("")
    numbers = [given.get(name, "") for name in ("first", "second", "times", "share", "result")]
    numbers += [number for _, number, _ in STEP.findall(given.get("rest", ""))]
    if "两" in numbers or len({number[0] in "(0123456789" for number in numbers if number}) > 1:
        return None  # 等式两边乘以2
    if (
        not rest
        or first is None
        or result is None
        or re.match(r"[^,。;\n]{0,4}[吗?]", behind)
        or SUPPOSED.search(clause)
    ):
        return None
    if not one_size([found["u1"], *units, found["unit"]]):
        return None
    whole = rest.startswith("÷") and rest[1:].isdigit() and first.isdigit() and result.isdigit()
    if whole and (left := REST.match(behind)):
        return f"{result}{'*'}{rest[1:]}+{left[1]}", "=", first
    if whole and int(rest[1:]) and int(first) % int(rest[1:]):
        return None  # the quotient without its remainder
    if ROUGH.search(found["link"] + found["fill"] + behind[:6]):
        return (f"{first}{rest}", "≈", result) if "." in result else None
    if found.re is PAIR and rest[0] == "-" and float(first) < float(rest[1:]):
        return f"{rest[1:]}-{first}", "=", result
    return f"{first}{rest}", "≈" if rest.startswith("÷") and "." in result else "=", result
