"""The page of ``belle data stats``: what to know first, bars, tables and examples, in one file that opens offline."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from belle_core.artifacts import Examples
from belle_core.conversation import Example
from belle_core.language import say
from belle_core.report.page import Bars, Block, Figures, Record, Section, Table, Words, page
from belle_data.glance import FOREIGN, MANY_DROPPED, MANY_REPEATED, glance, label_of
from belle_data.statistics import Statistics
from belle_data.tables import COLUMNS, LENGTHS, NAMES, cell_of, sizes_of
from belle_data.transcript import transcript

BARS = 20
"""Bars of a plot."""
VALUES = 12
"""Different numbers that have a bar each; more are gathered in ranges."""
CHARACTERS = 1500
"""Shown of one text, so that the page stays small whatever the data hold."""
HITS = 12
"""Questions of evaluations that are shown."""
TURNS = 8
"""Shown of one conversation."""


def page_of(name: str, statistics: Statistics, found: dict[str, Any]) -> str:
    """The whole page about *found*, what :meth:`Statistics.plain` gave."""
    sections = [
        Section(say("At a glance", "概览"), _glance(found)),
        Section(say("Lengths", "长度"), _lengths(statistics, found)),
        Section(say("Languages, categories, sources", "语言、类别与来源"), [_names(say(*title), found[key]) for key, title in NAMES.items() if set(found[key]) != {"-"}]),
        Section(say("Contamination", "评测污染"), _contamination(statistics.examples, found["found"])),
        Section(say("Filters", "过滤"), _filters(found["cleaned"])),
        Section(say("Dropped records", "丢弃的记录"), _dropped(found)),
        Section(say("Verbs and topics", "动词与主题"), _words(found["words"])),
        Section(say("Examples drawn at random", "随机抽取的样本"), [_example(split, one) for split, one in statistics.shown.items]),
    ]  # fmt: skip
    return page(f"belle data · {name}", [section for section in sections if section.blocks], stamp=found["fingerprint"])


def _glance(found: dict[str, Any]) -> list[Block]:
    figures = glance(found)
    marked = say(
        f"⚠ is worth a look: {MANY_DROPPED:.0%} of all records dropped, {MANY_REPEATED:.0%} of the questions repeated, {FOREIGN:.0%} in another language "
        "than most, an evaluation's questions kept, no licence.",
        f"⚠ 表示值得查看：丢弃达全部记录的 {MANY_DROPPED:.0%}、问题重复达 {MANY_REPEATED:.0%}、其他语言达 {FOREIGN:.0%}、保留了评测的问题、未注明许可证。",
    )
    made = Words(f"{say('fingerprint', '指纹')} {found['fingerprint']}")
    return [Figures(figures), *([Words(marked)] if any(figure.odd for figure in figures) else []), made]


def _lengths(statistics: Statistics, found: dict[str, Any]) -> list[Block]:
    plots: list[Block] = []
    for name, sizes in statistics.lengths.items():
        if sizes.total:
            plots.append(_ranges(say(*LENGTHS[name]), say("characters", "字符数"), sizes.bins()))
    if turns := statistics.turns.counts:
        few = [(str(size), count) for size, count in sorted(turns.items())] if len(turns) <= VALUES else None
        plots.append(
            _ranges(say("conversation", "每段对话"), say("messages", "消息数"), few or statistics.turns.bins())
        )
    if not plots:
        return []
    headings, rows = sizes_of(found)
    headings[0] = say("characters", "字符数")
    return [*plots, Table(headings, [[cell_of(cell) for cell in row] for row in rows])]


def _ranges(title: str, unit: str, counts: Iterable[tuple[str, int]]) -> Bars:
    return Bars(title, (unit, say("count", "条数")), list(counts), ranges=True)


def _names(title: str, counts: Mapping[str, int]) -> Bars:
    listed = [(label_of(name), count) for name, count in counts.items()]
    return Bars(title, ("", say("examples", "样本数")), _first(listed))


def _first(counts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those that have a bar each, and all others in one."""
    rest = counts[BARS:]
    more = [(say(f"… {len(rest):,} more", f"……另有 {len(rest):,} 项"), sum(count for _, count in rest))] if rest else []
    return [*counts[:BARS], *more]


def _contamination(examples: Examples, found: Mapping[str, Any]) -> list[Block]:
    """Questions of evaluations that stand in the data, beside what the data ask."""
    shown: list[Block] = []
    for name, one in found.items():
        path = examples.directory / f"{name}.jsonl"
        if "against" in one and path.is_file():
            with path.open(encoding="utf-8") as file:
                hits = [_hit(json.loads(line)) for line in islice(file, HITS)]
            many = one["examples_found"]
            about = say(
                f"{len(hits)} of {many:,} examples, each beside the question that it is like, of which so much stands in it. All are in {name}.jsonl.",
                f"共 {many:,} 条样本，此处列出 {len(hits)} 条，并列出与之相近的问题，百分数为该问题出现在样本中的比例。全部见 {name}.jsonl。",
            )
            shown += [Words(about), *hits] if hits else []
    return shown


def _hit(note: Mapping[str, Any]) -> Record:
    asked, learned = say("the evaluation asks", "评测的问题"), say("the data ask", "数据中的问题")
    title = f"{note.get('evaluation', '')} · {note.get('share', 1):.0%}"
    return Record(
        title, [(asked, _cut(note.get("evaluated", ""))), (learned, _cut(note.get("trained", "")))], side=True
    )


def _filters(cleaned: Mapping[str, Mapping[str, int]]) -> list[Block]:
    rows = [[name, *(f"{counts.get(key, 0):,}" for key in COLUMNS)] for name, counts in cleaned.items()]
    headings = [say("filter, in order", "过滤器（按顺序）"), *(say(*title) for title in COLUMNS.values())]
    return [Table(headings, rows)] if rows else []


def _dropped(found: dict[str, Any]) -> list[Block]:
    if not found["rejected"]:
        return []
    frequent = sorted(found["rejected"].items(), key=lambda pair: (-pair[1], pair[0]))
    bars = Bars(say("by reason", "按原因"), (say("reason", "原因"), say("records", "条数")), _first(frequent))
    kept = [
        Record(f"{reason} · {count:,}", [(one["where"], one["evidence"]) for one in found["evidence"][reason]])
        for reason, count in frequent
        if reason in found["evidence"]
    ]
    return [bars, *kept]


def _words(words: dict[str, Any]) -> list[Block]:
    english = words["english"]
    shown = [*_bars(words, ""), *_bars(english, say(" (English)", "（英文）"))]
    note = say(
        f"From {words['looked_at']:,} Chinese and {english['looked_at']:,} English questions drawn at random.",
        f"取自随机抽取的 {words['looked_at']:,} 个中文问题和 {english['looked_at']:,} 个英文问题。",
    )
    if words["others"]:
        note += say(
            f" {words['others']:,} drawn questions in other languages are left out.",
            f"抽到的 {words['others']:,} 个其他语言的问题未计。",
        )
    if english["looked_at"]:
        note += say(" English verbs are told by a list, their objects by the words at which a noun phrase ends.", "英文动词按词表识别，宾语取到名词短语结束处。")  # fmt: skip
    if words["method"] == "bigrams":
        note += say(' Without jieba (pip install "belle[look]") only pairs of Chinese characters are counted.', '未安装 jieba（pip install "belle[look]"），中文只统计相邻两字。')  # fmt: skip
    return [Words(note), *shown] if shown else []


def _bars(words: dict[str, Any], which: str) -> list[Block]:
    pairs = [(f"{verb} {thing}", count) for verb, thing, count in words["pairs"]]
    nouns = {"jieba": say("nouns", "名词"), "rules": say("topics", "主题词")}
    lists = {
        say("first verb and its object", "首个动词及其宾语"): pairs,
        say("first verb", "首个动词"): words["verbs"],
        nouns.get(words["method"], say("pairs of characters", "相邻两字")): words["topics"],
    }
    headings = ("", say("questions", "问题数"))
    return [Bars(f"{title}{which}", headings, counts[:BARS], words["looked_at"]) for title, counts in lists.items() if counts]  # fmt: skip


def _example(split: str, example: Example) -> Record:
    title = " · ".join(filter(None, (split, example.id, example.category, example.source)))
    parts = transcript(example)
    if (left := len(parts) - TURNS - 1) > 0:
        parts = [*parts[:TURNS], ("", say(f"… {left:,} more", f"……另有 {left:,} 项")), parts[-1]]
    return Record(title, [(label, _cut(text)) for label, text in parts])


def _cut(text: str) -> str:
    left = len(text) - CHARACTERS
    return f"{text[:CHARACTERS]}{say(f' … {left:,} more characters', f'……另有 {left:,} 字符')}" if left > 0 else text
