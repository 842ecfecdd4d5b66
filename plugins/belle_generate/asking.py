"""Where questions come from: a file, or the examples of an earlier data step."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from belle_core import StageContext
from belle_core.artifacts import Examples
from belle_core.data import read_examples
from belle_core.data.asking import read_questions
from belle_core.errors import BelleError
from belle_generate.config import FromQuestionsConfig
from belle_generate.producing import Job


def jobs_from(config: FromQuestionsConfig, context: StageContext) -> Iterator[Job]:
    """A job for every question, in order."""
    return islice(_all(config, context), config.size)


def count(config: FromQuestionsConfig, context: StageContext) -> int:
    """Number of questions that there are."""
    if config.questions:
        there = sum(1 for _ in read_questions(Path(config.questions).expanduser()))
    else:
        there = _examples(config, context).splits.get(config.split, 0)
    return min(there, config.size or there, context.limit or there)


def _all(config: FromQuestionsConfig, context: StageContext) -> Iterator[Job]:
    seed = context.shared["seed"]
    if config.questions:
        path = Path(config.questions).expanduser()
        for number, (record, conversation) in enumerate(read_questions(path)):
            name = str(record.get("id") or f"{path.stem}-{number + 1}")
            category = str(record.get("category") or record.get("class") or "")
            yield Job(number, name, seed, conversation, category)
        return
    for number, example in enumerate(read_examples(_examples(config, context), config.split)):
        if example.conversation is not None:
            yield Job(number, example.id, seed, example.conversation.prompt(), example.category)


def _examples(config: FromQuestionsConfig, context: StageContext) -> Examples:
    examples = context.find(Examples)
    if examples is None:
        raise BelleError(
            "there are no questions; name a file (questions=<file>), or put a data step before, for example "
            "+data=files data.path=<file> +data@steps.answers=distill",
            "没有问题；请指定文件（questions=<文件>），或在之前加一个数据步骤，例如 "
            "+data=files data.path=<文件> +data@steps.answers=distill",
        )
    if not examples.splits.get(config.split):
        there = ", ".join(examples.splits)
        raise BelleError(
            f"split={config.split}: the data has no such split, only {there}",
            f"split={config.split}：数据中没有这个划分，只有 {there}",
        )
    return examples
