"""What is asked: the examples of a split that have an answer to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from belle_core.artifacts import Examples
from belle_core.conversation import Conversation, Example
from belle_core.data import read_examples
from belle_core.errors import BelleError
from belle_core.language import say

OTHER = "other"
"""Category of examples without one, where others have one."""


@dataclass(frozen=True)
class Question:
    """One example, its last answer taken away."""

    id: str
    category: str
    prompt: Conversation
    reference: str


def read_questions(examples: Examples, split: str, limit: int | None) -> list[Question]:
    """Questions in order; says how many examples have no answer. Raises ``BelleError`` when there is none to ask."""
    if not examples.splits.get(split):
        there = ", ".join(f"{name} ({count})" for name, count in examples.splits.items())
        raise BelleError(
            f"eval.split={split}: the data has no such split, only {there}; say data.{split}=<count, fraction or file>",
            f"eval.split={split}：数据中没有这一部分，只有 {there}；请设置 data.{split}=<条数、比例或文件>",
        )
    read = list(islice(read_examples(examples, split), limit))
    questions = list(_questions(read))
    if not questions:
        raise BelleError(
            f"eval.split={split}: none of the {len(read)} examples has an answer to compare with; eval=reference needs some",
            f"eval.split={split}：{len(read)} 条样本都没有可供比较的答案；eval=reference 需要参考答案",
        )
    if left := len(read) - len(questions):
        print(say(f"      {left} of {len(read)} examples have no answer to compare with and are left out",
                  f"      {len(read)} 条样本中有 {left} 条没有参考答案，已跳过"), flush=True)  # fmt: skip
    return questions


def _questions(examples: list[Example]) -> Iterator[Question]:
    for example in examples:
        if example.conversation is not None and (reference := example.conversation.answer.strip()):
            yield Question(example.id, example.category or OTHER, example.conversation.prompt(), reference)
