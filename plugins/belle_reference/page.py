"""The page of one evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from belle_core.language import say
from belle_core.report.charts import bars
from belle_core.report.evaluations import percent, right, sample
from belle_core.report.page import Block, Picture, Section, Table, Words, page
from belle_reference.contamination import in_words

SHOWN = 300
"""Answers on the page, wrong ones first."""


def evaluation_page(
    summary: Mapping[str, Any], records: Sequence[dict[str, Any]], hits: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Scores with intervals, by category, the answers, and what of the evaluation stands in the training data (*hits*)."""
    low, high = summary["interval"]
    exact = say(
        f"exact: {percent(summary['overall']['exact'])} of {summary['count']} (95% interval {percent(low)} to {percent(high)})",
        f"exact：{summary['count']} 题中 {percent(summary['overall']['exact'])}（95% 区间 {percent(low)} 至 {percent(high)}）",
    )
    categories = summary["categories"]
    series = {"exact": [(figures["exact"], *figures["interval"]) for figures in categories.values()]}
    scores = [
        Words(exact),
        _table(summary),
        Picture(bars(list(categories), series), say("exact, 95% intervals", "exact，95% 区间")),
    ]
    return page(
        say("Evaluation against references", "参考答案评测"),
        [
            Section(say("Scores", "得分"), scores),
            *_contamination(summary["contamination"], hits),
            Section(say("How", "方法"), _how(summary)),
            Section(say("Answers", "回答"), _answers(records)),
        ],
    )


def _contamination(findings: Sequence[Mapping[str, Any]], hits: Sequence[Mapping[str, Any]]) -> list[Section]:
    """Evaluated and trained questions side by side; nothing where nobody looked."""
    if not findings:
        return []
    head = [say("evaluated", "评测问题"), say("trained", "训练样本"), say("share", "占比")]
    rows = [[str(hit["evaluated"]), str(hit["trained"]), percent(hit["share"])] for hit in hits]
    blocks: list[Block] = [Words(in_words(finding)) for finding in findings]
    return [Section(say("Contamination", "数据污染"), [*blocks, *([Table(head, rows)] if rows else [])])]


def _table(summary: Mapping[str, Any]) -> Table:
    metrics = list(summary["overall"])
    rows = [_row(name, figures["count"], figures, metrics) for name, figures in summary["categories"].items()]
    rows.append(_row(say("mean of categories", "各类别平均"), "", summary["macro"], metrics))
    rows.append(_row(say("all", "全部"), summary["count"], summary["overall"], metrics))
    return Table([say("category", "类别"), say("questions", "题数"), *metrics], rows)


def _row(name: str, count: object, figures: Mapping[str, Any], metrics: Sequence[str]) -> list[str]:
    return [name, str(count), *(percent(figures.get(metric)) for metric in metrics)]


def _how(summary: Mapping[str, Any]) -> list[Block]:
    ended, rendering = summary["ended"], summary["rendering"]
    settings = ", ".join(f"{name} {value}" for name, value in summary["generation"].items())
    return [
        Words(say(f"Generation: {settings}", f"生成设置：{settings}")),
        Words(say(f"Template {rendering['template']}, rendering {rendering['hash']}", f"模板 {rendering['template']}，渲染 {rendering['hash']}")),
        Words(say(f"{ended['stop']} answers ended by themselves, {ended['length']} were cut, {ended['no_room']} questions left no room",
                  f"{ended['stop']} 个答案自行结束，{ended['length']} 个被截断，{ended['no_room']} 个问题没有留下空间")),
    ]  # fmt: skip


def _answers(records: Sequence[dict[str, Any]]) -> list[Block]:
    ordered = sorted(records, key=lambda record: bool(right(record)))
    name = say("answer", "回答")
    shown: list[Block] = [sample({name: record}) for record in ordered[:SHOWN]]
    left = len(records) - len(shown)
    return (
        [*shown, Words(say(f"{left} more are in answers.jsonl", f"其余 {left} 条见 answers.jsonl"))]
        if left > 0
        else shown
    )
