"""Sums, differences and products from a bounded table, asked in words and in signs."""

from __future__ import annotations

from itertools import product
from random import Random

from belle_demo.skill import Item, Skill

SIGNS = {"add": "+", "subtract": "-", "multiply": "×"}
PHRASINGS = {
    "add": ("{a}加{b}等于多少？", "{a}加上{b}是多少？", "{a}与{b}的和是多少？", "请计算{a}+{b}。", "{a}+{b}等于几？", "算一算：{a}加{b}"),
    "subtract": ("{a}减{b}等于多少？", "{a}减去{b}是多少？", "{a}与{b}的差是多少？", "请计算{a}-{b}。", "{a}-{b}等于几？", "算一算：{a}减{b}"),
    "multiply": ("{a}乘{b}等于多少？", "{a}乘以{b}是多少？", "{a}与{b}的积是多少？", "请计算{a}×{b}。", "{a}×{b}等于几？", "算一算：{a}乘{b}"),
}  # fmt: skip


def table() -> list[tuple[str, int, int]]:
    """Every operation with its two numbers: sums to 18, differences within ten, products to 45."""
    digits = range(1, 10)
    sums = [("add", a, b) for a, b in product(digits, digits)]
    differences = [("subtract", a, b) for a, b in product(range(2, 11), digits) if a > b]
    products = [("multiply", a, b) for a, b in product(range(2, 6), digits)]
    return sums + differences + products


def result(operation: str, a: int, b: int) -> int:
    """The right answer."""
    return {"add": a + b, "subtract": a - b, "multiply": a * b}[operation]


def equation(operation: str, a: int, b: int) -> str:
    """Such as ``3+5=8``."""
    return f"{a}{SIGNS[operation]}{b}={result(operation, a, b)}"


def arithmetic(_: Random) -> list[Item]:
    """The whole table in every wording."""
    return [
        Item(phrasing.format(a=a, b=b), equation(operation, a, b), topic=f"{a}{SIGNS[operation]}{b}")
        for operation, a, b in table()
        for phrasing in PHRASINGS[operation]
    ]


SKILLS = (Skill("arithmetic", "others", arithmetic, weight=3.0),)
