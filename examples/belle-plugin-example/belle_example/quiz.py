"""Multiple-choice questions: ``{"question": …, "options": ["…", "…"], "answer": "B"}``."""

from __future__ import annotations

from string import ascii_uppercase
from typing import Any

from belle_core.conversation import Conversation, Example
from belle_core.data import Dropped, Place, Unreadable


class QuizFormat:
    """The question with lettered options is asked; the right letter and option are the answer."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether the record has a question, a list of options and an answer."""
        return isinstance(record.get("options"), list) and {"question", "answer"} <= record.keys()

    def examples(self, record: dict[str, Any], place: Place) -> list[Example]:
        """One example; raises ``Unreadable`` for a record of another shape, ``Dropped`` for an answer that is no option."""
        question, options, answer = (record.get(key) for key in ("question", "options", "answer"))
        if not isinstance(question, str) or not isinstance(answer, str):
            raise Unreadable("wrong_type", "question and answer should be text")
        if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
            raise Unreadable("wrong_type", "options should be a list of texts")
        lettered = dict(zip(ascii_uppercase, options, strict=False))
        if answer not in lettered:
            raise Dropped("answer_is_no_option", f"{answer} of {', '.join(lettered)}")
        lines = [f"{letter}. {option}" for letter, option in lettered.items()]
        asked = Conversation.of("\n".join([question, *lines]), f"{answer}. {lettered[answer]}")
        return [Example(place.id_of(record.get("id")), asked, category=str(record.get("subject", "")))]


FORMAT = QuizFormat()
