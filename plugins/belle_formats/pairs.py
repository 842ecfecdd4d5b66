"""A question and an answer under the many names that they go by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from belle_core.conversation import Conversation, Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import (
    SYSTEM,
    about,
    history,
    joined,
    question_and_answer,
    system_field,
    text_field,
    thought_key,
    thoughtful,
)
from belle_formats.dialogue import about_material, ended, is_prompt, waits, written_out
from belle_formats.turns import Message, examples_of

NAMES = (
    ("input", "target"),  # BELLE 0.5M, Firefly 1.1M (with ``kind``)
    ("instruction", "response"),  # Dolly; before the next, which is what the answer was made with where both stand
    ("prompt", "response"),  # ChatGLM
    ("query", "response"),  # ms-swift, MetaMath
    ("question", "deepseek_attempt"),  # s1K-1.1
    ("question", "attempt"),  # s1K
    ("question", "solution"),  # LIMO, whose ``answer`` is the bare result
    ("question", "answer"),  # GSM8K
    ("question", "response"),  # OpenOrca
    ("Question", "Response"),  # medical-o1
    ("INSTRUCTION", "RESPONSE"),  # Zhihu-KOL
    ("question", "std_answer"),  # BELLE's evaluation set
    ("prompt", "completion"),  # OpenAI, before chat
    ("question", "completion"),  # axolotl, with a ``label``
    ("instruction", "completion"),
    ("instruction", "generation"),  # distilabel
    ("prompt", "generation"),  # Metharme
    ("question", "model_answer"),  # GeneralThought
    ("question", "response (content)"),  # Medical-R1-Distill
    ("message_1", "message_2"),  # CAMEL
    ("problem", "deepseek_solution"),  # OpenThoughts
    ("problem", "generated_solution"),  # OpenMathInstruct 2, OpenMathReasoning
    ("question", "generated_solution"),  # OpenMathInstruct 1
    ("problem", "solution"),  # MATH, NuminaMath
    ("problem", "answer"),
    ("prompt", "answer"),  # 100PoisonMpts
    ("instruction", "answer"),
    ("user", "assistant"),
    ("question", "r1_solution_1"),  # DeepMath
    ("inputs", "targets"),  # Aya, xP3
    ("content", "summary"),  # ADGEN
    ("input", "content"),  # R1's answers of 110k, with ``reasoning_content``
    ("input", "output"),  # LMFlow
)
"""(question, answer)."""
MATERIAL = ("context", "input", "passage", "paragraph", "article")
"""What a question is about, where it stands beside it: Dolly's ``context``, Alpaca's ``input``, names in reading sets."""
USED = ("id", *SYSTEM, "history")
OTHERS = (
    "A",
    "answer_choices",
    "choices",
    "options",
    "chosen",
    "rejected",
    "messages",
    "conversations",
    "conversation",
)
"""Keys of other layouts, multiple choice among them."""


class PairFormat:
    """One question with one answer; ``system``, ``history`` and ``reasoning_content`` may stand beside them."""

    refines: tuple[str, ...] = ()

    def __init__(self, *names: tuple[str, str]) -> None:
        self.names = names

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether one of the pairs of names is there, and both are text."""
        names = self._names(record)
        return (
            names is not None
            and record.keys().isdisjoint(OTHERS)
            and all(isinstance(record.get(key), (str, type(None))) for key in (*names, *MATERIAL))
        )

    def examples(self, record: dict[str, Any], place: Place) -> Sequence[Example | Refused]:
        """One example; raises ``Unreadable`` for missing keys and wrong types, ``Dropped`` for empty questions and answers."""
        names = self._names(record)
        if names is None:
            known = ", ".join(f"{question}/{answer}" for question, answer in self.names)
            raise Unreadable("missing_key:question", f"keys: {', '.join(map(str, record))}; known: {known}")
        question, answer = names
        material = [key for key in MATERIAL if key in record and key != question]
        asked, about_it = text_field(record, question), joined(*(text_field(record, key) for key in material))
        said = thoughtful(text_field(record, answer), record.get(thought := thought_key(record)))
        used, before, system = (*USED, *names, *material, thought), history(record), system_field(record)
        last = question_and_answer(joined(asked, about_it), said)
        if waits(asked):
            said = ended(said) if is_prompt(asked) else said
            messages = [*(Message(*turn) for turn in before), *about_material(written_out(asked), about_it)]
            return examples_of([*messages, Message("assistant", said)], record, place, used=used, system=system)
        conversation = Conversation((*before, *last), system)
        return [Example(place.id_of(record.get("id")), conversation, **about(record, used))]

    def _names(self, record: dict[str, Any]) -> tuple[str, str] | None:
        there = [names for names in self.names if names[0] in record and names[1] in record]
        return next((n for n in there if n[0] != "input" or "instruction" not in record), None)  # else it is material


FORMAT = PairFormat(*NAMES)
