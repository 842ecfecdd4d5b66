"""What is known of questions of an evaluation in the training data, to be told beside the score."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

from belle_core.artifacts import Examples
from belle_core.language import say

SHOWN = 100
"""Hits on the page of an evaluation."""


def findings(examples: Examples) -> list[dict[str, Any]]:
    """What the contamination filters of the data found, each with the evaluations (``against``) that it looked for."""
    return [dict(found) for found in examples.found.values() if "against" in found]


def hits(examples: Examples) -> list[dict[str, Any]]:
    """The first of the hits themselves, with ``evaluated``, ``trained`` and ``share``."""
    found: list[dict[str, Any]] = []
    for name, facts in examples.found.items():
        path = examples.directory / f"{name}.jsonl"
        if "against" in facts and path.is_file():
            with path.open(encoding="utf-8") as file:
                found += map(json.loads, islice(file, SHOWN - len(found)))
    return found


def in_words(finding: Mapping[str, Any]) -> str:
    """One finding as a sentence."""
    files, examples, removed = ", ".join(finding["against"]), finding["examples_found"], finding["removed"]
    asked = f"{finding['questions_found']:,} / {finding['questions']:,}"
    return say(
        f"contamination: {asked} questions of {files} stand in {examples:,} training examples, "
        f"{'which were dropped' if removed else 'which were trained on'}",
        f"数据污染：{files} 的 {asked} 个问题出现在 {examples:,} 条训练样本中，{'这些样本已被丢弃' if removed else '这些样本参与了训练'}",
    )
