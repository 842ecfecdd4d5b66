"""The equations that a solution claims, in signs or in words, and whether they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from belle_generate.arithmetic import NUMBER, SCALED, Unreadable, evaluate, rounds_to
from belle_generate.notation import LARGE, plain
from belle_generate.units import NAMES, as_much, conversions_in, one_size
from belle_generate.words import DO, Claim, said_in

UNIT = r"(?:[一-鿿]+(?:/[一-鿿]+)?|(?![xyzabnk]{2,3}\b)[a-zA-Z°]{2,}(?:\^[23])?(?:/[a-zA-Z]+)?|m\^[23]|°C)"
RUN = re.compile(r"[\d.+\-*/÷^()%=≈ \ue000-\uf8ff]+")
REMAINDER = re.compile(
    rf"(\d+) *{UNIT}? *[/÷] *(\d+) *{UNIT}? *= *(\d+) *(?:\([^()\d]*\)|[一-鿿]{{0,2}}?) *"
    r"(?:(?:…+|\.{3,}|⋯+) *余?|\(? *余数?) *[是为:]? *(\d+)"
)
OPERATOR = re.compile(r"(?<=[\d)%]) *[-+*/÷^]")
NUMBERING = re.compile(r"^\s*(?:\d+[.、)）](?!\d)|[(（]\d+[)）])\s*(?=\S)")
CLOCK = re.compile(r"\d+ *点 *\d+分?|(?<!\d)\d{1,2}:[0-5][05](?= *[+\-])")
NOTE = re.compile(r"\((?![^()]*[+*=])(?! *[a-zA-Z] *\))(?:[^()\da-zA-Z]*[a-zA-Z/^³²°%]{0,6}[^()\da-zA-Z]*)\)")
"""What stands in brackets beside a number and is none: its unit, or a remark."""
UNKNOWN = (*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ$¥￥?_√∛",)
MARK = re.compile(r"[\ue000-\uf8ff]")
"""Stands for a unit while equations are looked for."""
HALF = "¡"
"""Stands for an operation in words beside signs: the signs may be only a part of the sum, so they say nothing wrong."""
SHOWN = re.compile(r"保留|四舍五入|精确到")


def claims_in(text: str) -> Iterator[Claim]:
    """The equations between numbers in a solution, chains taken apart; those with unknowns, and those that may mean something
    else, are left out.

    Units and words between the numbers are passed over: ``60千米/小时 × 2小时 = 120千米``. ``3万`` is 30,000, or 3 where the line is
    right only so: ``1.5×2=3万元``.
    """
    for line in text.split("\n"):
        line = plain(NUMBERING.sub("", line))
        for claim, words in said_in(line):
            if claim:
                yield claim
            line = line.replace(words, " , ")
        for match in REMAINDER.finditer(line):
            yield f"{match[3]}*{match[2]}+{match[4]}", "=", match[1]
        rounded = bool(SHOWN.search(line))
        line = NOTE.sub(" ", REMAINDER.sub(" , ", line))
        for claim, equation in conversions_in(line):
            yield claim
            line = line.replace(equation, " , ")
        yield from ((left, "≈" if rounded else sign, right) for left, sign, right in _in_signs(line))


def _in_signs(line: str) -> Iterator[Claim]:
    line = re.sub(rf"{DO}(?=[^\d,。;=\n]{{0,6}}[\d(])|的一半", HALF, CLOCK.sub("?", line))
    line = re.sub(r"(?<=[\d)%])([^\W\d_]{0,4}) *等于 *(?=[\d(])", r"\1=", line)
    readings = [line]
    if SCALED.search(line):
        readings.insert(0, SCALED.sub(lambda found: f"({found[1]}*{LARGE[found[2]]})", line))
    found = [list(_claims(reading)) for reading in readings]
    yield from next((claims for claims in found if not any(holds(claim) is False for claim in claims)), found[-1])


def _claims(line: str) -> Iterator[Claim]:
    units: list[str] = []

    def mark(found: re.Match[str]) -> str:
        units.append(found[0].strip())
        return f"{chr(0xE000 + min(len(units) - 1, 0x18FF))} "

    marked = re.sub(rf"(?<=[\d)%])\s*{UNIT}", mark, line)
    marked = re.sub(r"(?<=[\d) ]) *[xX] *(?=[\d(])", "*", marked)
    for run in RUN.finditer(marked):
        if not re.search(r"[=≈]", run[0]):
            continue
        before = marked[run.start() - 1 : run.start()] if run[0][0] != " " else ""
        after = marked[run.end() : run.end() + 1] if run[0][-1] != " " else ""
        torn = before == "," and re.match(r"\d{4}", run[0])  # 16,0000
        for left, sign, right in _chain(run[0], bool(torn) or before in UNKNOWN, after in UNKNOWN):
            claim = MARK.sub("", left).strip(), sign, MARK.sub("", right).strip()
            of = [[units[ord(found) - 0xE000] for found in MARK.findall(side)] for side in (left, right)]
            if holds(claim) is not False or not (HALF in (before, after) or _means_else(claim, of[0], of[1], line)):
                yield claim


def _chain(run: str, open_left: bool, open_right: bool) -> Iterator[Claim]:
    """The claims of ``a = b = c``; an end that an unknown stands beside is no number, unless words cut it off."""
    sides = [
        re.split(r"(?<=[\d)%\ue000-\uf8ff])\s+(?=[\d(.])", side.rstrip(" .").lstrip())
        for side in re.split(r"[=≈]", run)
    ]
    for place, sign in enumerate(re.findall(r"[=≈]", run)):
        left, right = sides[place][-1].strip(), sides[place + 1][0].strip()
        unknown = (open_left and place == 0 and len(sides[0]) == 1) or (
            open_right and place + 2 == len(sides) and len(sides[-1]) == 1
        )
        alone, of = MARK.sub("", left).strip(), re.fullmatch(r"\(\d+/\d+\)[\ue000-\uf8ff]", left)  # 三分之一的量
        complete = NUMBER.search(left) and NUMBER.search(right) and left[0] not in "+-*/÷^"
        if complete and not unknown and OPERATOR.search(alone) and not of:
            yield _whole(sides[place], -1), sign, _whole(sides[place + 1], 0)


def _whole(side: list[str], place: int) -> str:
    """A piece of a side, with the mark of its neighbour where that is a number with a unit: ``5分20秒`` is one quantity."""
    other = side[-2:-1] if place else side[1:2]
    return side[place] + "".join(
        mark for piece in other if re.fullmatch(r"[\d.]+[\ue000-\uf8ff]", piece) for mark in piece[-1]
    )


def _means_else(claim: Claim, of_left: list[str], of_right: list[str], line: str) -> bool:
    """Whether what is false in numbers may be right in what they stand for: ``2千米÷10=200米``, ``2/3/4``, ``66(1/3)=22``."""
    numbers = claim[0] + claim[2]
    if re.search(r"[\d)] */ *[\d(][\d.]* */", numbers) or not one_size(of_left + of_right):
        return True
    if "+" in numbers and holds((re.sub(r"\((\d+)\+(\d+/\d+)\)", r"(\1*\2)", claim[0]), claim[1], claim[2])):
        return True
    sum_of_unlike = not re.search(r"[*/÷^]", claim[0]) and len(set(of_left)) > 1 and not set(of_right) & set(of_left)
    if sum_of_unlike:  # 3个苹果+5个橘子=6元
        return True
    named, values = re.findall(rf"\d *({NAMES})", line), [evaluate(claim[0]), evaluate(claim[2])]
    return any(as_much(values[0], values[1], name[0], named) for unit in of_right if (name := re.match(NAMES, unit)))


def holds(claim: Claim) -> bool | None:
    """Whether both sides are equal, with ``≈`` to the digits shown; ``None`` when a side is no arithmetic."""
    left, sign, right = claim
    try:
        one, other = evaluate(left), evaluate(right)
    except Unreadable:
        return None
    percent = right.endswith("%") and one == other * 100  # 100-50=50%
    return one == other or percent or (sign == "≈" and rounds_to(one, right))


def numbers_only(expression: str) -> list[str]:
    """The sides of a bare expression like ``总价=260元×0.8-20元=188元。``, without the name before it and without units."""
    line = NOTE.sub("", plain(expression)).strip(" ,。;")
    line = SCALED.sub(lambda found: f"({found[1]}*{LARGE[found[2]]})", line)
    line = re.sub(rf"(?<=[\d)%]) *{UNIT}", "", re.sub(r"^[^\d(=]+[=:] *", "", line))
    return re.split(r"[=≈]", line)
