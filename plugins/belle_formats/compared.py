"""Two answers side by side and a verdict which one is better, or a score for each: SHP, HelpSteer, Chatbot Arena, WebGPT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import number_field
from belle_core.data.personal import excerpt
from belle_formats.preference import FORMAT as PREFERENCE

FIRST, SECOND, NEITHER = "first", "second", "neither"
STRENGTH = {"-3": FIRST, "-2": FIRST, "-1": FIRST, "0": NEITHER, "1": SECOND, "2": SECOND, "3": SECOND}
"""NVIDIA's scale, from the first answer being much better to the second."""
ARENA = {"model_a": FIRST, "model_b": SECOND, "tie": NEITHER, "tie (bothbad)": NEITHER, "both_bad": NEITHER}


class Comparison(NamedTuple):
    """Where the answers and the verdict stand, and what its values say."""

    first: str
    second: str
    verdict: str
    """A key, or the score of the first answer."""
    better: Mapping[str, str]
    asked: str = ""
    """Where the question stands, if under a name that means something else in other layouts."""
    other: str = ""
    """The score of the second answer, where the higher one is the verdict."""

    @property
    def keys(self) -> set[str]:
        """What a record of this kind has at least."""
        return {self.first, self.second, self.verdict, self.other or self.verdict}


COMPARISONS = (
    Comparison("human_ref_A", "human_ref_B", "labels", {"1": FIRST, "0": SECOND}, "history"),  # SHP
    Comparison("response_0", "response_1", "better_response_id", {"0": FIRST, "1": SECOND}),  # PKU-SafeRLHF
    Comparison("response_1", "response_2", "preference_strength", STRENGTH),  # HelpSteer 2
    Comparison("response1", "response2", "overall_preference", STRENGTH),  # HelpSteer 3
    Comparison("conversation_a", "conversation_b", "winner", ARENA),  # Chatbot Arena
    Comparison("output_1", "output_2", "label", {"1": FIRST, "2": SECOND}),  # LLMBar
    Comparison("answer_0", "answer_1", "score_0", {}, other="score_1"),  # WebGPT
    Comparison("conv_A", "conv_B", "conv_A_rating", {}, other="conv_B_rating"),  # Unified-Feedback
)


class ComparedFormat:
    """The verdict makes the one answer ``chosen`` and the other ``rejected``; the rest is read as any preference is."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether two answers and their verdict are there."""
        found = _comparison(record)
        return found is not None and PREFERENCE.matches(_preference(record, found, FIRST))

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example; raises ``Unreadable`` and ``Dropped``."""
        if (found := _comparison(record)) is None:
            raise Unreadable("missing_key:label", f"keys: {', '.join(map(str, record))}")
        better = _higher(record, found) if found.other else _verdict(record, found)
        if better == NEITHER:
            raise Dropped("tie", excerpt(f"{found.verdict}: {record[found.verdict]}", around=100))
        return PREFERENCE.examples(_preference(record, found, better), place)


def _comparison(record: dict[str, Any]) -> Comparison | None:
    return next((one for one in COMPARISONS if record.keys() >= one.keys), None)


def _verdict(record: dict[str, Any], found: Comparison) -> str:
    value = record[found.verdict]
    if (better := found.better.get(_plain(value))) is None:
        raise Unreadable(f"wrong_type:{found.verdict}", f"{value!r} where one of {', '.join(found.better)} should be")
    return better


def _higher(record: dict[str, Any], found: Comparison) -> str:
    """Which answer has the higher score."""
    first, second = (number_field(record, key) for key in (found.verdict, found.other))
    return NEITHER if first == second else FIRST if first > second else SECOND


def _plain(value: Any) -> str:
    """Tables hold whole numbers as ``1.0`` where one of them is missing."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _preference(record: dict[str, Any], found: Comparison, better: str) -> dict[str, Any]:
    """*record* with its answers as ``chosen`` and ``rejected``."""
    names = ("chosen", "rejected") if better == FIRST else ("rejected", "chosen")
    renamed = dict(zip((found.first, found.second), names, strict=True))
    renamed |= {found.asked: "prompt"} if found.asked else {}
    others = (
        set(renamed.values()) - renamed.keys()
    )  # what stands there already would take the place of what is compared
    return {renamed.get(key, key): _asked(key, value) for key, value in record.items() if key not in others}


def _asked(key: str, value: Any) -> Any:
    """WebGPT's question is an object."""
    return value["full_text"] if key == "question" and isinstance(value, dict) and "full_text" in value else value


FORMAT = ComparedFormat()
