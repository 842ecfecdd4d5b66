"""What a run prints: one line per step, tables of scores, and where things are."""

from __future__ import annotations

import sys
from typing import Any

from belle_core.artifacts import Artifact, Bundle, Evaluation, Examples, RewardModel, Runnable
from belle_core.events import Event, RunFinished, StepFinished, StepStarted
from belle_core.language import say


class Console:
    """Observer that tells the user how the run goes."""

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            print(f"[{event.number}/{event.total}] {event.step}: {event.title} …", flush=True)
        elif isinstance(event, StepFinished):
            how = (
                say("from the store", "取自存储")
                if event.cached
                else say(f"made in {event.seconds:.1f} s", f"用时 {event.seconds:.1f} 秒")
            )
            print(
                f"[{event.number}/{event.total}] {event.step}: {event.title} {how} · {summary(event.artifact)}",
                flush=True,
            )
        elif isinstance(event, RunFinished) and not event.error:
            finish(event)


def summary(artifact: Artifact) -> str:
    """The few facts of an artifact that matter at a glance."""
    if isinstance(artifact, Examples):
        dropped = sum(artifact.rejected.values())
        text = ", ".join(f"{name} {count:,}" for name, count in artifact.splits.items())
        return text + (say(f"; {dropped:,} dropped", f"；丢弃 {dropped:,}") if dropped else "")
    if isinstance(artifact, Evaluation):
        return ", ".join(f"{name} {value:.1%}" for name, value in artifact.scores.items())
    if isinstance(artifact, (Runnable, RewardModel)):
        metrics = "".join(f", {name} {_figure(value)}" for name, value in artifact.metrics.items())
        return say(f"{artifact.parameters:,} parameters", f"{artifact.parameters:,} 个参数") + metrics
    if isinstance(artifact, Bundle):
        return f"{artifact.directory / artifact.main} ({size_text(artifact.size)})"
    facts = {name: value for name, value in artifact.facts().items() if isinstance(value, (int, str))}
    return ", ".join(f"{name} {value:,}" if type(value) is int else f"{name} {value}" for name, value in facts.items())


def _figure(value: float) -> str:
    """Four digits; whole numbers in full from a thousand on."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def size_text(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def finish(event: RunFinished) -> None:
    """The comparison of all evaluations of the run, and what to do next."""
    evaluations = {name: a for name, a in event.artifacts.items() if isinstance(a, Evaluation)}
    if evaluations:
        print_table(*score_table(evaluations))
    report = event.directory / "report.html"
    print(say(f"run {event.name}: {event.directory}", f"运行 {event.name}：{event.directory}"))
    if report.is_file():
        print(say(f"  report   {report}", f"  报告     {report}"))
    if any(isinstance(a, Runnable) for a in event.artifacts.values()):
        print(say(f"  chat     belle chat {event.name}", f"  对话     belle chat {event.name}"))
    print(say(f"  look     belle runs show {event.name}", f"  查看     belle runs show {event.name}"), flush=True)


def score_table(evaluations: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: categories down, evaluations across, the first metric of each."""
    metric = next(iter(next(iter(evaluations.values())).scores))
    categories = list(dict.fromkeys(c for e in evaluations.values() for c in e.categories))

    def cell(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    rows = [[c, *(cell(e.categories.get(c, {}).get(metric)) for e in evaluations.values())] for c in categories]
    rows.append([say("all", "全部"), *(cell(e.scores.get(metric)) for e in evaluations.values())])
    return [metric, *evaluations], rows


def print_table(headings: list[str], rows: list[list[str]], *, title: str = "") -> None:
    """A table in the terminal; Chinese columns line up."""
    from rich import box
    from rich.console import Console as Terminal
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: markup in names or model output stays text
    Terminal(file=sys.stdout).print(table)
