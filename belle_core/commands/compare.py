"""``belle compare``: runs side by side, what differs in their options and in their scores."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from belle_core.api import default_store
from belle_core.artifacts import MANIFEST
from belle_core.commands import records
from belle_core.commands.options import print_json, run_arguments, with_json
from belle_core.console import print_table
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.runs import Run
from belle_core.store import Store
from belle_core.terminal import visible

OWN = ("store", "name", "note")
"""Options that say nothing about what a run does."""


@dataclass(frozen=True)
class Scores:
    """One evaluation of one run."""

    label: str
    questions: str
    """Fingerprint of the examples that were asked."""
    count: int
    scores: dict[str, float]
    categories: dict[str, dict[str, float]]


@click.command(
    "compare", help=say("Runs side by side: what differs in options and scores.", "并排比较多个运行的选项与分数。")
)
@run_arguments(nargs=-1, required=True)
@with_json
def compare(names: tuple[str, ...], as_json: bool) -> None:
    """``NAMES`` are two or more runs."""
    if len(names) < 2:
        raise BelleError("name at least two runs to compare", "请至少写两个要比较的运行")
    store, runs = default_store(), [records.require(name) for name in names]
    result = comparison(runs, store)
    print_json(result) if as_json else _print(result)


command = compare
"""``belle compare``, the same as ``belle runs compare``."""


def comparison(runs: list[Run], store: Store) -> dict[str, Any]:
    """Differences and scores as plain values."""
    configs = [flatten(_json(run.directory / "config.json")) for run in runs]
    evaluations = [scores for run in runs for scores in scores_of(run, store)]
    return {
        "runs": [run.name for run in runs],
        "options": differences(configs),
        "metrics": differences([_metrics(run, store) for run in runs], all_rows=True),
        "evaluations": [
            {
                "label": e.label,
                "questions": e.questions,
                "count": e.count,
                "scores": e.scores,
                "categories": e.categories,
            }
            for e in evaluations
        ],
        "same_questions": len({e.questions for e in evaluations}) <= 1,
    }


def differences(columns: list[dict[str, Any]], *, all_rows: bool = False) -> dict[str, list[Any]]:
    """Values by key, one per column, ``None`` where a column lacks it; only keys that differ unless *all_rows*."""
    keys = list(dict.fromkeys(key for column in columns for key in column))
    rows = {key: [column.get(key) for column in columns] for key in keys}
    return {key: row for key, row in rows.items() if all_rows or any(value != row[0] for value in row)}


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested options as dotted paths, without those that say nothing about what a run does."""
    if not isinstance(value, dict):
        return {prefix: value}
    found: dict[str, Any] = {}
    for key, item in value.items():
        if prefix or key not in OWN:
            found |= flatten(item, f"{prefix}.{key}" if prefix else str(key))
    return found


def scores_of(run: Run, store: Store) -> list[Scores]:
    """The evaluations of a run, in order."""
    found = []
    for step in run.steps:
        if step["type"] != "Evaluation" or not (facts := records.facts_of(store, step)):
            continue
        manifest = _json(store.root / step["type"] / step["fingerprint"] / MANIFEST)
        questions = manifest.get("recipe", {}).get("inputs", {}).get("Examples", "")
        found.append(
            Scores(
                f"{run.name}/{step['name']}",
                questions,
                facts.get("count", 0),
                facts.get("scores", {}),
                facts.get("categories", {}),
            )
        )
    return found


def _metrics(run: Run, store: Store) -> dict[str, Any]:
    """Figures of the models of a run and the time of its steps, by ``step.figure``."""
    found: dict[str, Any] = {}
    for step in run.steps:
        manifest = _json(store.root / step["type"] / step["fingerprint"] / MANIFEST)
        facts = manifest.get("facts", {})
        figures = {
            name: facts[name] for name in ("parameters", "trainable", "bits_per_weight", "size") if name in facts
        }
        figures |= facts.get("metrics", {})
        if "seconds" in manifest.get("provenance", {}):
            figures["seconds"] = manifest["provenance"]["seconds"]
        found |= {f"{step['name']}.{name}": value for name, value in figures.items()}
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _print(result: dict[str, Any]) -> None:
    names = result["runs"]
    if result["options"]:
        print_table(
            [say("option", "选项"), *names], [[key, *map(_cell, row)] for key, row in result["options"].items()]
        )
    else:
        click.echo(say("the options are the same", "选项完全相同"))
    if result["metrics"]:
        print_table(
            [say("figure", "指标"), *names], [[key, *map(_cell, row)] for key, row in result["metrics"].items()]
        )
    evaluations = result["evaluations"]
    for metric in dict.fromkeys(name for e in evaluations for name in e["scores"]):
        _print_scores(metric, [e for e in evaluations if metric in e["scores"]])
    if not result["same_questions"]:
        click.echo(say("mind: these evaluations asked different questions", "注意：这些评测使用了不同的题目"))


def _print_scores(metric: str, evaluations: list[dict[str, Any]]) -> None:
    categories = list(dict.fromkeys(c for e in evaluations for c in e["categories"]))
    rows = [[visible(c), *(_share(e["categories"].get(c, {}).get(metric)) for e in evaluations)] for c in categories]
    rows.append([say("all", "全部"), *(_share(e["scores"].get(metric)) for e in evaluations)])
    print_table([metric, *(e["label"] for e in evaluations)], rows)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.6g}"
        if isinstance(value, float)
        else visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
