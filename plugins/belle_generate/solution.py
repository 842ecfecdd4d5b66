"""Whether the solution of a word problem computes: its expression, its answer, every equation and its last sentence agree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from belle_generate.arithmetic import Unreadable, evaluate, number_in, numbers_in, rounds_to
from belle_generate.claims import Claim, claims_in, holds, numbers_only
from belle_generate.notation import LARGE, NUMERAL, number_of

SAYS = re.compile(r"(?:^|\n|。|；)\s*答\s*[:：]")


@dataclass(frozen=True)
class Problem:
    """A word problem as the model wrote it."""

    question: str
    solution: str
    expression: str
    answer: str


def why_wrong(problem: Problem) -> tuple[str, str] | None:
    """(reason, evidence) when the solution does not compute: expression, answer, every equation and the last sentence must agree."""
    shown = number_in(problem.answer)
    if shown is None:
        return "unreadable_answer", problem.answer
    try:
        stated = _Stated(problem, evaluate(shown), shown)
        value, agrees = _value(problem.expression)
    except Unreadable:
        return "unreadable_expression", problem.expression
    if not stated.agrees(value):
        return "wrong_answer", f"{problem.expression} = {float(value):g}, not {problem.answer}"
    claims = [(claim, holds(claim)) for claim in claims_in(problem.solution)]
    wrong = [claim for claim, true in claims if true is False]
    if wrong or not agrees:
        equation = " ".join(wrong[0]) if wrong else problem.expression
        rounded = wrong and all("." in right and rounds_to(evaluate(left), right) for left, _, right in wrong)
        return "unmarked_rounding" if rounded and agrees else "wrong_equation", equation
    results = [number for claim, true in claims if true for number in _results(claim)]
    if not results:
        return "no_equation", problem.solution
    if not any(result == value or stated.agrees(result) for result in results):
        return "answer_not_derived", f"{problem.answer}: {problem.solution}"
    said = _said(_conclusion(problem.solution))
    if said and not any(map(stated.agrees, said)):
        return "answer_contradicted", f"{problem.answer}: {problem.solution}"
    return None


def _value(expression: str) -> tuple[Fraction, bool]:
    """What the expression gives, and whether that is what it says behind ``=``; raises ``Unreadable``.

    Units, a name before it and the end of a sentence are passed over: ``总价=260元×0.8-20元=188元。``
    """
    first, *others = numbers_only(expression)
    value = evaluate(first)
    return value, all(holds((first, "≈" if "≈" in expression else "=", other)) is not False for other in others)


def _results(claim: Claim) -> list[Fraction]:
    """What an equation arrives at; a division with a remainder, kept as ``3*5+2=17``, at quotient and remainder."""
    left, _, right = claim
    divided = re.fullmatch(r"(\d+)\*\d+\+(\d+)", left)
    return [evaluate(right), *(map(Fraction, divided.groups()) if divided else ())]


def _said(sentence: str) -> list[Fraction]:
    """The numbers of a sentence, in digits and in words, as far as they can be read."""
    found = []
    for number in [
        *numbers_in(sentence),
        *map(number_of, re.findall(NUMERAL, sentence) if re.search(r"\d", sentence) else []),
    ]:
        try:
            found += [evaluate(number)] if number else []
        except Unreadable:
            continue
    return found


def _conclusion(solution: str) -> str:
    """The sentence that says the answer: behind ``答：``, else the last line if it is no sum."""
    *_, line = solution.strip().split("\n")
    if SAYS.search(solution):
        return SAYS.split(solution)[-1]
    return "" if re.search(r"[=＝≈]", line) else line


class _Stated:
    """The number that the answer states, and what it is taken for."""

    def __init__(self, problem: Problem, number: Fraction, shown: str) -> None:
        self.number, self.shown = number, shown
        self.rounded = bool(re.search(r"[≈约]", problem.solution + problem.answer))
        self.scales = [n for sign, n in LARGE.items() if sign in problem.answer and sign in problem.solution]

    def agrees(self, value: Fraction) -> bool:
        """Equal; or said to be rounded, to the digits shown; or the same as a percentage, or in the unit 万 that the solution names."""
        return (
            value == self.number
            or (self.rounded and rounds_to(value, self.shown))
            or (self.shown.endswith("%") and value == self.number * 100)
            or any(value * scale == self.number for scale in self.scales)
        )
