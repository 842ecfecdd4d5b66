"""Recomputes what a solution claims, with a small parser of its own: nothing a model wrote is executed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction

from belle_generate.units import conversions_in

LONGEST = 200
"""Characters of an expression."""
SIGNS = str.maketrans({"×": "*", "✕": "*", "·": "*", "∙": "*", "∶": "/", "−": "-", "–": "-", "【": "(", "】": ")", "[": "(", "]": ")", "{": "(", "}": ")", "²": "^2"} | {"³": "^3"})  # fmt: skip
NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
UNIT = r"(?:[一-鿿]+(?:/[一-鿿]+)?|[a-zA-Z°]{2,}(?:/[a-zA-Z]+)?)"
TIMES = re.compile(r"(?<=[\d)]) *[xX] *(?=[\d(])")
RUN = re.compile(r"[\d.+\-*/÷^()%=≈ ]+")
REMAINDER = re.compile(
    r"(\d+) *[/÷] *(\d+) *= *(\d+) *(?:\([^()\d]*\)|[一-鿿]{0,2}) *(?:(?:…+|\.{3,}) *余?|余数?) *(\d+)"
)
OPERATOR = re.compile(r"(?<=[\d)%]) *[-+*/÷^]")
NUMBERING = re.compile(r"^\s*(?:\d+[.、)）](?!\d)|[(（]\d+[)）])\s*(?=\S)")
SPOKEN = {"加上?": "+", "减去?": "-", "乘以?": "*", "除以": "÷", "等于": "="}
"""Signs in words between two numbers."""
LARGE = {"万": 10**4, "亿": 10**8}
SCALED = re.compile(r"(\d+(?:\.\d+)?) *(万|亿)")
UNKNOWN = tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ$¥￥?_")
Claim = tuple[str, str, str]
"""Left side, sign and right side of an equation."""


class Unreadable(ValueError):
    """No arithmetic, or too much of it."""


def evaluate(text: str) -> Fraction:
    """The exact value of an expression of numbers, ``+ - * / ^ %`` and brackets; raises :class:`Unreadable`."""
    parser = _Parser(plain(text))
    value = parser.sum()
    if parser.rest():
        raise Unreadable(text)
    return value


def plain(text: str) -> str:
    """The signs of school written as those of programs: ``×`` ``（`` ``1,000`` ``1又1/2`` ``1(1/2)``.

    ``÷`` stays: beside it ``/`` writes a fraction, and ``1÷1/6`` is 6.
    """
    text = text.translate(SIGNS)
    text = unicodedata.normalize("NFKC", text).translate(SIGNS)
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = TIMES.sub("*", text.replace("**", "^"))
    return re.sub(r"(?<![\d./])(\d+)(?:又(\d+/\d+)|\((\d+/\d+)\))", r"(\1+\2\3)", text)


class _Parser:
    """Recursive descent; depth and sizes are bounded, so that no text can make it run long."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise Unreadable(f"{len(text)} characters")
        self.text, self.place, self.depth = text.replace(" ", ""), 0, 0

    def rest(self) -> str:
        return self.text[self.place :]

    def _take(self, signs: str) -> str:
        found = self.text[self.place : self.place + 1]
        if found and found in signs:
            self.place += 1
            return found
        return ""

    def sum(self) -> Fraction:
        value = self._product()
        while sign := self._take("+-"):
            value = value + self._product() if sign == "+" else value - self._product()
        return value

    def _product(self) -> Fraction:
        value = self._fraction()
        while sign := self._take("*÷"):
            other = self._fraction()
            value = value * other if sign == "*" else _divided(value, other)
        return value

    def _fraction(self) -> Fraction:
        value = self._power()
        while self._take("/"):
            value = _divided(value, self._power())
        return value

    def _power(self) -> Fraction:
        if sign := self._take("+-"):
            return self._power() if sign == "+" else -self._power()
        value = self._atom()
        if self._take("^"):
            exponent = self._atom()
            if exponent.denominator != 1 or abs(exponent) > 12 or (value == 0 and exponent < 0):
                raise Unreadable("exponent")
            value = value ** int(exponent)
        return value

    def _atom(self) -> Fraction:
        if self._take("("):
            self.depth += 1
            if self.depth > 30:
                raise Unreadable("too deep")
            value = self.sum()
            if not self._take(")"):
                raise Unreadable("bracket")
            self.depth -= 1
        else:
            match = NUMBER.match(self.text, self.place)
            if not match or len(match[0]) > 18:
                raise Unreadable(self.text)
            self.place = match.end()
            value = Fraction(match[0])
        while self._take("%"):
            value /= 100
        return value


def _divided(value: Fraction, other: Fraction) -> Fraction:
    if other == 0:
        raise Unreadable("division by 0")
    return value / other


def claims_in(text: str) -> Iterator[Claim]:
    """The equations between numbers in a solution, chains taken apart; those with unknowns are left out.

    Units and words between the numbers are passed over: ``60千米/小时 × 2小时 = 120千米``. ``3万`` is 30,000, or 3 where the line is
    right only so: ``1.5×2=3万元``.
    """
    for line in text.split("\n"):
        line = plain(NUMBERING.sub("", line))
        for words, sign in SPOKEN.items():
            line = re.sub(rf"(?<=\d) *{words} *(?=\d)", sign, line)
        for match in REMAINDER.finditer(line):
            yield f"{match[3]}*{match[2]}+{match[4]}", "=", match[1]
        line = re.sub(r"\([^()\d]*\)", " ", REMAINDER.sub(" , ", line))
        for claim, equation in conversions_in(line):
            yield claim
            line = line.replace(equation, " , ")
        claims = list(_claims(SCALED.sub(lambda found: f"({found[1]}*{LARGE[found[2]]})", line)))
        if any(holds(claim) is False for claim in claims) and SCALED.search(line):
            claims = list(_claims(line))
        yield from claims


def _claims(line: str) -> Iterator[Claim]:
    line = re.sub(rf"(?<=[\d)%])\s*{UNIT}", " ", line)
    line = TIMES.sub("*", line)
    for run in RUN.finditer(line):
        if not re.search(r"[=≈]", run[0]):
            continue
        before = line[run.start() - 1 : run.start()] if run[0][0] != " " else ""
        after = line[run.end() : run.end() + 1] if run[0][-1] != " " else ""
        yield from _chain(run[0], before in UNKNOWN, after in UNKNOWN)


def _chain(run: str, open_left: bool, open_right: bool) -> Iterator[Claim]:
    """The claims of ``a = b = c``; an end that an unknown stands beside is no number, unless words cut it off."""
    sides = [re.split(r"(?<=[\d)%])\s+(?=[\d(])", side.rstrip(" .").lstrip()) for side in re.split(r"[=≈]", run)]
    for place, sign in enumerate(re.findall(r"[=≈]", run)):
        left, right = sides[place][-1].strip(), sides[place + 1][0].strip()
        unknown = (open_left and place == 0 and len(sides[0]) == 1) or (
            open_right and place + 2 == len(sides) and len(sides[-1]) == 1
        )
        complete = NUMBER.search(left) and NUMBER.search(right) and left[0] not in "+-*/÷^"
        if complete and not unknown and OPERATOR.search(left):
            yield left, sign, right


def holds(claim: Claim) -> bool | None:
    """Whether both sides are equal, with ``≈`` to the digits shown; ``None`` when a side is no arithmetic."""
    left, sign, right = claim
    try:
        one, other = evaluate(left), evaluate(right)
    except Unreadable:
        return None
    percent = right.endswith("%") and one == other * 100  # 100-50=50%
    return one == other or percent or (sign == "≈" and rounds_to(one, right))


def rounds_to(value: Fraction, shown: str) -> bool:
    """Whether *value*, rounded, is the decimal number *shown*."""
    number = plain(shown).strip()
    scale = 100 if number.endswith("%") else 1
    digits = number.rstrip("%")
    if not re.fullmatch(r"-?\d+(?:\.\d+)?", digits):
        return False
    decimals = len(digits.partition(".")[2])
    return abs(value * scale - Fraction(digits)) <= Fraction(1, 2 * 10**decimals)


def numbers_in(text: str) -> list[str]:
    """The numbers that a sentence states, as expressions: ``3万`` is ``(3*10000)``, ``50m²`` is ``50``, ``零下2℃`` is ``-2``."""
    text = re.sub(r"(?<=\d) *[a-zA-Z]+\^[23]", " ", plain(text))
    text = re.sub(r"零下 *(?=\d)", "-", text)
    text = SCALED.sub(lambda found: f"({found[1]}*{LARGE[found[2]]})", text)
    return re.findall(
        r"\(\d+\+\d+/\d+\)|\(\d+(?:\.\d+)?\*\d+\)|-?\d+(?:\.\d+)?(?:/\d+)?%?", re.sub(r"(?<=\d) *%", "%", text)
    )


def number_in(text: str) -> str | None:
    """The one number that an answer like ``208元`` or ``约3.5千米`` states, as an expression; ``None`` for none or several."""
    found = numbers_in(text)
    return found[0] if len(found) == 1 else None


def divided_in(text: str) -> list[Fraction]:
    """Quotients and remainders of the divisions with a remainder in *text*."""
    return [Fraction(number) for match in REMAINDER.finditer(plain(text)) for number in (match[3], match[4])]
