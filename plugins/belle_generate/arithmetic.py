"""Computes what a solution says with a small parser of its own: nothing a model wrote is executed."""

from __future__ import annotations

import re
from fractions import Fraction

from belle_generate.notation import LARGE, NUMERAL, number_of, plain

LONGEST = 200
"""Characters of an expression."""
POWERS = 1000
"""Bits of a power; else a few brackets would take for ever: ((9^12)^12)^12 …"""
NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
SCALED = re.compile(r"(\d+(?:\.\d+)?) *(万|亿)")


class Unreadable(ValueError):
    """No arithmetic, or too much of it."""


def evaluate(text: str) -> Fraction:
    """The exact value of an expression of numbers, ``+ - * / ^ %`` and brackets; raises :class:`Unreadable`."""
    parser = _Parser(plain(text))
    value = parser.sum()
    if parser.rest():
        raise Unreadable(text)
    return value


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
            large = max(abs(value.numerator), value.denominator).bit_length() * abs(exponent) > POWERS
            if exponent.denominator != 1 or large or (value == 0 and exponent < 0):
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
    """The one number that an answer like ``208元``, ``约3.5千米`` or ``十二个`` states, as an expression; ``None`` for none or several."""
    found = numbers_in(text)
    if not found:  # 一百八十八元
        words = re.findall(NUMERAL, text)
        return number_of(words[0]) if len(words) == 1 else None
    return found[0] if len(found) == 1 else None
