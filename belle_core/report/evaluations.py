"""Evaluations read back, and what pages show of them: tables, bars, answers side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from belle_core.artifacts import Evaluation
from belle_core.language import say
from belle_core.report.charts import Bar, bars
from belle_core.report.page import Block, Picture, Sample, Table, Words


@dataclass(frozen=True)
class Scored:
    """The files of one evaluation; those that a plugin does not write are empty."""

    evaluation: Evaluation

    @cached_property
    def scores(self) -> dict[str, Any]:
        """``scores.json``."""
        path = self.evaluation.directory / "scores.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    @cached_property
    def answers(self) -> dict[str, dict[str, Any]]:
        """``answers.jsonl`` by id."""
        path = self.evaluation.directory / "answers.jsonl"
        if not path.is_file():
            return {}
        with path.open(encoding="utf-8") as file:
            return {record["id"]: record for record in map(json.loads, file)}

    def bar(self, category: str, metric: str) -> Bar | None:
        """The category's figure with its interval; without one the bounds are the figure itself."""
        value = self.evaluation.categories.get(category, {}).get(metric)
        if value is None:
            return None
        low, high = self.scores.get("categories", {}).get(category, {}).get("interval") or (value, value)
        return value, low, high


def comparison(evaluations: Mapping[str, Evaluation]) -> list[Block]:
    """The first metric by category of all evaluations as a table and as bars; other metrics overall."""
    scored = {name: Scored(evaluation) for name, evaluation in evaluations.items()}
    metric = next(iter(next(iter(evaluations.values())).scores))
    categories = list(dict.fromkeys(c for e in evaluations.values() for c in e.categories))
    blocks: list[Block] = [_by_category(evaluations, categories, metric)]
    if categories:
        series = {name: [one.bar(category, metric) for category in categories] for name, one in scored.items()}
        blocks.append(Picture(bars(categories, series), say(f"{metric}, 95% intervals", f"{metric}，95% 区间")))
    return [*blocks, _overall(evaluations)]


def _by_category(evaluations: Mapping[str, Evaluation], categories: Sequence[str], metric: str) -> Table:
    rows = [[c, *(percent(e.categories.get(c, {}).get(metric)) for e in evaluations.values())] for c in categories]
    rows.append([say("all", "全部"), *(percent(e.scores.get(metric)) for e in evaluations.values())])
    return Table([metric, *evaluations], rows)


def _overall(evaluations: Mapping[str, Evaluation]) -> Table:
    metrics = list(dict.fromkeys(metric for e in evaluations.values() for metric in e.scores))
    rows = [[metric, *(percent(e.scores.get(metric)) for e in evaluations.values())] for metric in metrics]
    return Table([say("overall", "总体"), *evaluations], rows)


def percent(value: float | None) -> str:
    """A figure between 0 and 1 for people; ``-`` where there is none."""
    return "-" if value is None else f"{value:.1%}"


def side_by_side(evaluations: Mapping[str, Evaluation], count: int) -> list[Block]:
    """Up to *count* questions with every evaluation's answer; from each category in turn, differing ones first."""
    answers = {name: Scored(evaluation).answers for name, evaluation in evaluations.items()}
    shared = [key for key in next(iter(answers.values()), {}) if all(key in known for known in answers.values())]
    chosen = _in_turn(shared, answers)[:count]
    if not chosen:
        return []
    left = len(shared) - len(chosen)
    more: list[Block] = (
        [Words(say(f"{left} more are in answers.jsonl", f"其余 {left} 条见 answers.jsonl"))] if left else []
    )
    return [*(sample({name: known[key] for name, known in answers.items()}) for key in chosen), *more]


def _in_turn(keys: Sequence[str], answers: Mapping[str, dict[str, dict[str, Any]]]) -> list[str]:
    first = next(iter(answers.values()), {})
    ranks: dict[str, int] = {}
    ranked = []
    alike = {key: len({right(known[key]) for known in answers.values()}) == 1 for key in keys}
    for key in sorted(keys, key=lambda key: alike[key]):
        category = first[key].get("category", "")
        ranks[category] = ranks.get(category, -1) + 1
        ranked.append((ranks[category], key))
    return [key for _, key in sorted(ranked, key=lambda pair: pair[0])]


def sample(records: Mapping[str, dict[str, Any]]) -> Sample:
    """The answers of several evaluations to one question."""
    first = next(iter(records.values()))
    answers = [(name, record.get("answer", ""), right(record)) for name, record in records.items()]
    title = " · ".join(filter(None, (first.get("category", ""), first["id"])))
    return Sample(title, asked(first), first.get("reference", ""), answers)


def asked(record: dict[str, Any]) -> str:
    """The question; of a longer conversation all that was said before."""
    if "messages" not in record:
        return str(record.get("question", ""))
    return "\n".join(f"{m['role']}: {m['content']}" for m in record["messages"])


def right(record: dict[str, Any]) -> bool | None:
    """Whether the answer is exactly the reference; ``None`` when that was not asked."""
    value = record.get("scores", {}).get("exact")
    return None if value is None else value == 1


def files_of(evaluation: Evaluation) -> Path:
    """The evaluation's own page."""
    return evaluation.directory / "report.html"
