"""Equations between quantities, such as ``1小时30分=90分`` and ``3米+50厘米=350厘米``: units of one kind are converted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction

KINDS = (
    {"毫米": "1/10", "厘米": 1, "分米": 10, "米": 100, "千米": 100000, "公里": 100000, "mm": "1/10", "cm": 1, "dm": 10, "m": 100, "km": 100000},
    {"克": 1, "千克": 1000, "公斤": 1000, "斤": 500, "两": 50, "吨": 1000000, "g": 1, "kg": 1000},
    {"毫升": 1, "升": 1000, "立方厘米": 1, "立方分米": 1000, "立方米": 1000000, "ml": 1, "mL": 1, "L": 1000},
    {"平方厘米": 1, "平方分米": 100, "平方米": 10000, "公顷": 10**8, "平方千米": 10**10},
    {"秒": 1, "分": 60, "分钟": 60, "小时": 3600, "时": 3600, "天": 86400, "日": 86400, "星期": 604800, "周": 604800},
    {"分": 1, "角": 10, "元": 100},
)  # fmt: skip
"""Units of one kind each, with their sizes; ``分`` is of two kinds."""
SIZES = [{unit: Fraction(size) for unit, size in kind.items()} for kind in KINDS]
NAMES = "|".join(sorted({unit for kind in SIZES for unit in kind}, key=len, reverse=True))
QUANTITY = rf"(?:\d+(?:\.\d+)?) *(?:{NAMES})"
SIDE = rf"{QUANTITY}(?: *[+\-]? *{QUANTITY})*"
CONVERSION = re.compile(rf"(?<![\d.+\-*/÷^])({SIDE}) *= *({SIDE})(?! *[\d+\-*/÷^(a-zA-Z每])")
TERM = re.compile(rf"([+\-]?) *(\d+(?:\.\d+)?) *({NAMES})")


def conversions_in(text: str) -> Iterator[tuple[tuple[str, str, str], str]]:
    """((left, ``=``, right) in the unit of the right side, the equation as it stands) where quantities of one kind are equated.

    *text* has plain signs. Of a unit of two kinds the one is taken by which the equation holds.
    """
    for found in CONVERSION.finditer(text):
        clause = re.split(r"[,。;:!?]", text[: found.start()])[-1]
        left, right = TERM.findall(found[1]), TERM.findall(found[2])
        kinds = [kind for kind in SIZES if all(unit in kind for _, _, unit in left + right)]
        if kinds and not re.search(r"\d", clause):  # else it is the end of a sum: 300人 × 每人20分=6000分
            sizes = next((kind for kind in kinds if _sum(left, kind) == _sum(right, kind)), kinds[0])
            unit = sizes[right[-1][2]]
            shown = right[0][1] if len(right) == 1 and not right[0][0] else f"{_sum(right, sizes) / unit}"
            yield (f"({_sum(left, sizes) / unit})", "=", shown), found[0]


def _sum(terms: list[tuple[str, str, str]], sizes: dict[str, Fraction]) -> Fraction:
    """A sign holds up to the next one: ``3元5分-2元55分``."""
    total, sign = Fraction(), "+"
    for own, number, unit in terms:
        sign = own or sign
        total += (-1 if sign == "-" else 1) * Fraction(number) * sizes[unit]
    return total


def one_size(units: Iterable[str]) -> bool:
    """Whether no two of *units*, each perhaps with words behind it, measure the same in different sizes: ``米`` and ``厘米``."""
    known = [found[0] for unit in units if (found := re.match(NAMES, unit))]
    return not any(
        one in kind and other in kind and kind[one] != kind[other] for kind in SIZES for one in known for other in known
    )


def as_much(one: Fraction, other: Fraction, unit: str, named: Iterable[str]) -> bool:
    """Whether *one* in a unit that is *named* is *other* in *unit*: 3000 毫升 and 3 升."""
    return any(
        one * kind[name] == other * kind[unit]
        for kind in SIZES
        if unit in kind
        for name in named
        if name in kind and name != unit
    )
