"""Scores of one answer against its reference, between 0 and 1; ``None`` where a metric does not apply."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)", re.ASCII)
HAN = r"\u2e80-\u2fdf\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
TOKEN = re.compile(rf"[{HAN}]|[^\W_{HAN}]+")
"""One Chinese character, or a run of other letters and digits; punctuation counts for nothing, as in rouge-score."""


def exact(reference: str, answer: str) -> float:
    """1 when both are the same text apart from white space at the ends; nothing else is normalised."""
    return float(answer.strip() == reference.strip())


def numeric(reference: str, answer: str) -> float | None:
    """1 when the last numbers of both are equal; ``None`` when the reference has none.

    Full-width digits and thousands separators are understood, ``3`` and ``3.0`` are equal; Chinese numerals are text.
    """
    wanted = last_number(reference)
    return None if wanted is None else float(last_number(answer) == wanted)


def last_number(text: str) -> Decimal | None:
    """The value of the last decimal number in *text*."""
    plain = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    found = NUMBER.findall(plain)
    return Decimal(found[-1].replace(",", "")) if found else None


def rouge_l(reference: str, answer: str) -> float:
    """F1 of the longest common subsequence (Lin 2004; library ``rouge-score``) over :data:`TOKEN`."""
    return float(_rouge().score(reference, answer)["rougeL"].fmeasure)


def chrf(reference: str, answer: str) -> float:
    """Character n-gram F2 of the sentence (Popović 2015; library ``sacrebleu``, its defaults)."""
    return float(_chrf().sentence_score(answer, [reference]).score) / 100


class Characters:
    """Tokens for ``rouge-score``, whose own tokenizer drops everything that is not ASCII."""

    def tokenize(self, text: str) -> list[str]:
        return TOKEN.findall(text.lower())


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=Characters())


@cache
def _chrf() -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF()


METRICS: dict[str, Callable[[str, str], float | None]] = {
    "exact": exact,
    "numeric": numeric,
    "rouge_l": rouge_l,
    "chrf": chrf,
}
