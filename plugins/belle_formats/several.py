"""Several answers to a question that nobody ranked: an example for each."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Conversation, Example
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import CATEGORIES, SYSTEM, about, list_field, question_and_answer, system_field, text_field
from belle_core.data.personal import excerpt

QUESTIONS = ("question", "prompt", "instruction", "query")
ANSWERS = "answers"
OTHERS = ("human_answers", "chatgpt_answers")
"""Two lists of answers (HC3), of which one has to be chosen."""
LISTS = (ANSWERS, "responses")
"""Names of the list; the second is NaturalReasoning's, whose answers are objects."""
WITHIN = "response"
"""Where the text of an answer stands that is an object."""
HARMLESS = {*QUESTIONS, *LISTS, *OTHERS, *SYSTEM, *CATEGORIES, "id", "index", "source", "split", "reference_answer"}
"""What may stand beside them; anything else could say which of the answers are right."""


class SeveralFormat:
    """From the second answer on an example's id ends in ``.2``, ``.3`` …"""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a question with a list of texts, and nothing that may judge them."""
        if not (record.keys() <= HARMLESS and any(isinstance(record.get(key), str) for key in QUESTIONS)):
            return False
        answers = record.get(_key(record))
        first = answers[0] if isinstance(answers, list) and answers else None
        return _is_double(record) or isinstance(first.get(WITHIN) if isinstance(first, dict) else first, str)

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example per answer; raises ``Unreadable``, and ``Dropped`` when there is none."""
        key = _key(record)
        if _is_double(record):
            one, other = OTHERS
            raise Unreadable(
                f"missing_key:{ANSWERS}",
                f"two lists of answers; choose with data.columns={{{ANSWERS}: {one}}} or data.columns={{{ANSWERS}: {other}}}",
            )
        asks = next((name for name in QUESTIONS if name in record), QUESTIONS[0])
        question, answers = text_field(record, asks), list_field(record, key)
        if not answers:
            raise Dropped("empty_answer", f"question: {excerpt(question, around=100)}")
        used = ("id", asks, key, *SYSTEM)
        own, rest, system = place.id_of(record.get("id")), about(record, used), system_field(record)
        found: list[Example | Refused] = []
        for number, answer in enumerate(answers, 1):
            try:
                answer = {key: answer} if not isinstance(answer, dict) else answer
                turns = question_and_answer(question, text_field(answer, key if key in answer else WITHIN))
            except Refused as refused:
                found.append(refused)
                continue
            found.append(Example(own if number == 1 else f"{own}.{number}", Conversation(tuple(turns), system), **rest))
        return found


def _key(record: dict[str, Any]) -> str:
    return next((key for key in LISTS if key in record), ANSWERS)


def _is_double(record: dict[str, Any]) -> bool:
    """Whether there are two lists of answers, and none was chosen."""
    return record.keys() >= set(OTHERS) and ANSWERS not in record


FORMAT = SeveralFormat()
