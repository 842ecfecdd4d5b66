"""Questions and answers that stand in parts, or beside those in English: Math23K, COIG, Natural Instructions, translations."""

from __future__ import annotations

from typing import Any, NamedTuple

from belle_core.conversation import Conversation, Example
from belle_core.data import Place, Unreadable
from belle_core.data.fields import about, joined, question_and_answer, text_field


class Parts(NamedTuple):
    """Fields that make up a question and its answer; a record has at least the first and the last of all."""

    asked: tuple[str, ...]
    answered: tuple[str, ...]


class PartsFormat:
    """The parts stand in lines of their own."""

    def __init__(self, *layouts: Parts, refines: tuple[str, ...] = (), unused: tuple[str, ...] = ()) -> None:
        self.layouts, self.refines, self.unused = layouts, refines, unused

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a question with its answer."""
        return self._parts(record) is not None

    def examples(self, record: dict[str, Any], place: Place) -> list[Example]:
        """One example; raises ``Unreadable`` and ``Dropped``."""
        if (parts := self._parts(record)) is None:
            raise Unreadable(f"missing_key:{self.layouts[0].asked[0]}", f"keys: {', '.join(map(str, record))}")
        question, answer = (joined(*(text_field(record, key, optional=True) for key in keys)) for keys in parts)
        used = ("id", *parts.asked, *parts.answered, *self.unused)
        turns = question_and_answer(question, answer)
        return [Example(place.id_of(record.get("id")), Conversation(tuple(turns)), **about(record, used))]

    def _parts(self, record: dict[str, Any]) -> Parts | None:
        return next((one for one in self.layouts if {one.asked[0], one.answered[-1]} <= record.keys()), None)


MATH23K = PartsFormat(Parts(("original_text",), ("equation", "ans")), unused=("segmented_text",))
TRANSLATED = PartsFormat(
    Parts(("trans_instruction", "trans_input"), ("trans_output",)),  # COIG
    Parts(("instruction_zh", "input_zh"), ("output_zh",)),  # silk-road's Alpaca and WizardLM
    Parts(("zh_instruction", "zh_input"), ("zh_output",)),  # open-chinese's Alpaca
    Parts(("question_zh",), ("answer_zh",)),  # GSM8K_zh
    refines=("alpaca", "pair"),
)
"""The English stands beside it and goes into ``meta``."""
EXAM = Parts(
    ("textbox_q_instruction", "textbox_q_context", "textbox_question"), ("textbox_answer_analysis", "textbox_answer")
)
COIG = PartsFormat(EXAM)
REVISED = PartsFormat(
    Parts(("instruction", "input"), ("corrected",)),  # axolotl's reflection
    Parts(("instruction",), ("revision",)),  # axolotl's creative_acr
    refines=("alpaca", "pair"),
)
"""The first draft, and what was said of it, stand beside the answer and go into ``meta``."""
NATURAL = PartsFormat(Parts(("definition", "inputs"), ("targets",)), refines=("pair",))
