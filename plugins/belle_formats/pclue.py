"""pCLUE (CLUEbenchmark/pCLUE): ``input``, ``target``, ``answer_choices``, ``type``."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Conversation, Example
from belle_core.data import Place
from belle_core.data.fields import about, question_and_answer, text_field


class PclueFormat:
    """``target`` answers ``input``; ``type`` is the category, the choices go into ``meta``."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there are choices beside question and answer."""
        return {"input", "target", "answer_choices"} <= record.keys()

    def examples(self, record: dict[str, Any], place: Place) -> list[Example]:
        """One example; raises ``Unreadable`` and ``Dropped``."""
        turns = question_and_answer(text_field(record, "input"), text_field(record, "target"))
        rest = about(record, ("id", "input", "target"), category="type")
        return [Example(place.id_of(record.get("id")), Conversation(tuple(turns)), **rest)]


FORMAT = PclueFormat()
