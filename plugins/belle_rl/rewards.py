"""Reward functions: how good an answer is, from 0 to 1, seen beside the question and the reference answer."""

from __future__ import annotations

import re

NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?(?:/\d+)?")
THOUGHT = re.compile(r"\s*<think>.+?</think>\s*\S", re.DOTALL)


def exact(question: str, answer: str, reference: str) -> float:
    """1 when the answer is the reference, white space at the ends aside."""
    return float(answer.strip() == reference.strip())


def number(question: str, answer: str, reference: str) -> float:
    """1 when the last number of the answer is that of the reference, however it is written: ``1,200``, ``1200.0``."""
    found, wanted = _last_number(answer), _last_number(reference)
    return float(found is not None and found == wanted)


def length(question: str, answer: str, reference: str) -> float:
    """1 for an answer no longer than the reference, falling to 0 at twice its characters."""
    allowed = max(1, len(reference.strip()))
    return min(1.0, max(0.0, 2 - len(answer.strip()) / allowed))


def format(question: str, answer: str, reference: str) -> float:  # the name is the option's
    """1 for ``<think>reasoning</think>`` followed by an answer (arXiv 2501.12948)."""
    return float(answer.count("<think>") == answer.count("</think>") == 1 and bool(THOUGHT.match(answer)))


def _last_number(text: str) -> float | None:
    numbers = NUMBER.findall(text)
    if not numbers:
        return None
    above, _, below = numbers[-1].replace(",", "").partition("/")
    return float(above) / float(below) if below and float(below) else float(above)
