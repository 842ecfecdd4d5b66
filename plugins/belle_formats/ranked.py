"""Several answers to a question, ranked: OpenAssistant's list, Nectar's ranks, UltraFeedback's and RRHF's scores."""

from __future__ import annotations

from typing import Any, NamedTuple

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, list_field, number_field, text_field
from belle_core.data.personal import excerpt
from belle_formats.preference import QUESTIONS, asked, preferred


class Ranking(NamedTuple):
    """Where the answers stand, and in each of them its text and what ranks it."""

    answers: str
    text: str
    scores: tuple[str, ...]
    """The first of these that is a number counts."""
    sign: int
    """1 where the highest is best, -1 where the lowest is."""
    beside: str = ""
    """Where the scores are a list of their own, beside that of the answers."""


RANKINGS = (
    Ranking("answers", "answer", ("rank",), -1),  # Nectar
    Ranking("completions", "response", ("fine-grained_score", "overall_score"), 1),  # UltraFeedback
    Ranking("responses", "responses", ("scores",), 1, beside="scores"),  # RRHF
)
LISTS = [key for one in RANKINGS for key in (one.answers, one.beside) if key]
USED = ("id", *QUESTIONS, "input", "output", *SYSTEM, "history", *LISTS)


class RankedFormat:
    """The best answer is the conversation's own, the others are its ``rejected`` ones in their order.

    Of answers with equal scores the first is taken: between them there is nothing to prefer.
    """

    refines = ("alpaca",)

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a question with answers that are ranked; of a list alone only OpenAssistant's, with ``history``, surely is."""
        if isinstance(record.get("instruction"), str) and isinstance(record.get("output"), list):
            return isinstance(record.get("history"), list)
        found = _ranking(record)
        try:
            first = next(iter(_answers(record)), None)
        except Unreadable:  # of this layout, and broken
            return True
        return (
            found is not None
            and isinstance(first, dict)
            and found.text in first
            and any(s in first for s in found.scores)
        )

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the answers left out of it; raises ``Unreadable`` and ``Dropped``."""
        ordered, refused = _ordered(record)
        best, *others = ordered or [""]
        question = asked(record)
        if not best.strip() or not all(other.strip() for other in others):
            raise Dropped("empty_answer", f"question: {excerpt(question[-1].text if question else '', around=100)}")
        return [*preferred(question, ("answer", best), others, record, place, used=USED), *refused]


def _ranking(record: dict[str, Any]) -> Ranking | None:
    asks = any(isinstance(record.get(key), str) for key in QUESTIONS)
    lists = [one for one in RANKINGS if asks and isinstance(record.get(one.answers), list)]
    return next((one for one in lists if not one.beside or isinstance(record.get(one.beside), list)), None)


def _answers(record: dict[str, Any]) -> list[Any]:
    """The answers with what ranks them."""
    found = _ranking(record)
    answers = record[found.answers] if found else []
    if found is None or not found.beside:
        return answers
    if len(scores := list_field(record, found.beside)) != len(answers):
        raise Unreadable(
            f"wrong_type:{found.beside}",
            f"lists of 2 lengths, which belong together: {found.answers} {len(answers)}, {found.beside} {len(scores)}",
        )
    return [{found.text: answer, found.scores[0]: score} for answer, score in zip(answers, scores, strict=True)]


def _ordered(record: dict[str, Any]) -> tuple[list[str], list[Dropped]]:
    """The answers, best first, and those left out."""
    if found := _ranking(record):
        ranked = sorted((_scored(found, value) for value in _answers(record)), key=lambda one: -one[0])
        return _apart(ranked)
    answers = list_field(record, "output")
    if not all(isinstance(answer, str) for answer in answers):
        raise Unreadable("wrong_type:output", "should be a list of answers")
    return answers, []


def _scored(ranking: Ranking, value: Any) -> tuple[float, str]:
    if not isinstance(value, dict):
        raise Unreadable(f"wrong_type:{ranking.answers}", f"{type(value).__name__} where an object should be")
    key = next((key for key in ranking.scores if isinstance(value.get(key), (int, float))), ranking.scores[0])
    return ranking.sign * number_field(value, key), text_field(value, ranking.text)


def _apart(ranked: list[tuple[float, str]]) -> tuple[list[str], list[Dropped]]:
    """The texts without those that are empty or say or are worth the same as one before; raises ``Dropped`` when no two are left."""
    kept: list[tuple[float, str]] = []
    refused = []
    for score, text in ranked:
        if not text.strip():
            refused.append(Dropped("empty_answer", f"score {abs(score)}"))
        elif any(text == one for _, one in kept):
            refused.append(Dropped("equal_answers", excerpt(text, around=100)))
        elif kept and score == kept[-1][0]:
            refused.append(Dropped("tie", f"score {abs(score)}: {excerpt(text, around=100)}"))
        else:
            kept.append((score, text))
    if len(kept) < 2 and refused:
        raise refused[0]
    return [text for _, text in kept], refused


FORMAT = RankedFormat()
