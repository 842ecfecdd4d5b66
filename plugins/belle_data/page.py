"""The page of ``belle data stats``: plots, tables and examples, in one file that opens offline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from belle_core.conversation import Example
from belle_core.language import say
from belle_core.report.charts import amounts
from belle_core.report.page import Block, Picture, Sample, Section, Table, Words, page
from belle_data.statistics import Statistics
from belle_data.stats_command import COLUMNS, LENGTHS, NAMES, repeated

BARS = 20
"""Bars of a plot."""


def page_of(name: str, statistics: Statistics, found: dict[str, Any]) -> str:
    """The whole page about *found*, what :meth:`Statistics.plain` gave."""
    sections = [
        Section(say("Data", "数据"), _about(found)),
        Section(say("Lengths", "长度"), _lengths(statistics)),
        *(Section(say(*title), _names(found[key])) for key, title in NAMES.items() if set(found[key]) != {"-"}),
        Section(say("Verbs and topics", "动词与主题"), _words(found["words"])),
        Section(say("Duplicates", "重复"), _duplicates(found)),
        Section(say("Filters and dropped records", "过滤与丢弃的记录"), _dropped(found)),
        Section(say("Examples", "样本"), [_example(split, one) for split, one in statistics.shown.items]),
    ]
    return page(f"belle data · {name}", [section for section in sections if section.blocks], stamp=found["fingerprint"])


def _about(found: dict[str, Any]) -> list[Block]:
    rows = [[split, f"{count:,}"] for split, count in found["splits"].items()]
    licences = ", ".join(found["licences"]) or say("not stated", "未注明")
    return [
        Table([say("split", "划分"), say("examples", "样本数")], rows),
        Words(f"{say('fingerprint', '指纹')} {found['fingerprint']} · {say('licences', '许可证')}: {licences}"),
    ]


def _lengths(statistics: Statistics) -> list[Block]:
    blocks: list[Block] = []
    for name, sizes in statistics.lengths.items():
        if sizes.total:
            blocks.append(_picture(sizes.bins(), say(*LENGTHS[name]) + say(", characters", "，字符数")))
    if turns := statistics.turns.counts:
        few = [(str(size), count) for size, count in sorted(turns.items())] if len(turns) <= BARS else None
        blocks.append(_picture(few or statistics.turns.bins(), say("turns of a conversation", "每段对话的轮次")))
    return blocks


def _picture(counts: Iterable[tuple[str, int]], caption: str) -> Picture:
    return Picture(amounts(dict(counts)), caption)


def _names(counts: Mapping[str, int]) -> list[Block]:
    listed = list(counts.items())
    rest = len(listed) - BARS
    note = [Words(say(f"{rest:,} more are in --json", f"另有 {rest:,} 项，见 --json"))] if rest > 0 else []
    return [_picture(listed[:BARS], ""), *note]


def _words(words: dict[str, Any]) -> list[Block]:
    english = words["english"]
    note = say(
        f"From {words['looked_at']:,} Chinese and {english['looked_at']:,} English questions drawn at random; {words['others']:,} drawn questions in other languages are left out. "
        "English verbs are told by a list, their objects by the words at which a noun phrase ends.",
        f"取自随机抽取的 {words['looked_at']:,} 个中文问题和 {english['looked_at']:,} 个英文问题；抽到的 {words['others']:,} 个其他语言的问题未计。"
        "英文动词按词表识别，宾语取到名词短语结束处。",
    )
    if words["method"] == "bigrams":
        note += say(' Without jieba (pip install "belle[look]") only pairs of Chinese characters are counted.', ' 未安装 jieba（pip install "belle[look]"），中文只统计相邻两字。')  # fmt: skip
    shown = [*_pictures(words, ""), *_pictures(english, say(" (English)", "（英文）"))]
    return [Words(note), *shown] if shown else []


def _pictures(words: dict[str, Any], which: str) -> list[Block]:
    pairs = [(f"{verb} {thing}", count) for verb, thing, count in words["pairs"]]
    nouns = {"jieba": say("nouns", "名词"), "rules": say("topics", "主题词")}
    pictures = {
        say("first verb and its object", "首个动词及其宾语"): pairs,
        say("first verb", "首个动词"): words["verbs"],
        nouns.get(words["method"], say("pairs of characters", "相邻两字")): words["topics"],
    }
    return [_picture(counts[:BARS], caption + which) for caption, counts in pictures.items() if counts]


def _duplicates(found: dict[str, Any]) -> list[Block]:
    near = found["duplicates"]["near_dropped"]
    note = (
        [] if near is None else [Words(say(f"{near:,} near duplicates were dropped.", f"已丢弃 {near:,} 条近似重复。"))]
    )
    return [Words(repeated(found["duplicates"])), *note]


def _dropped(found: dict[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    if found["cleaned"]:
        rows = [[name, *(f"{counts.get(key, 0):,}" for key in COLUMNS)] for name, counts in found["cleaned"].items()]
        blocks.append(Table([say("filter", "过滤器"), *(say(*title) for title in COLUMNS.values())], rows))
    if found["rejected"]:
        frequent = sorted(found["rejected"].items(), key=lambda pair: (-pair[1], pair[0]))
        blocks.append(_picture(frequent[:BARS], say("dropped records by reason", "按原因统计的丢弃记录")))
        rows = [[reason, one["where"], one["evidence"]] for reason, kept in found["evidence"].items() for one in kept]
        blocks.append(
            Table([say("reason", "原因"), say("where", "位置"), say("evidence", "证据")], rows, numbers_from=3)
        )
    return blocks


def _example(split: str, example: Example) -> Sample:
    title = " · ".join(filter(None, (split, example.id, example.category, example.source)))
    if example.conversation is None:
        return Sample(title, example.text or "", "", [])
    said = example.conversation.prompt()
    asked = said.turns[0].text if len(said.turns) == 1 and not said.system else "\n".join(
        f"{message['role']}: {message['content']}" for message in said.messages())  # fmt: skip
    worse = [(say(f"rejected {n}", f"较差回答 {n}"), text, None) for n, text in enumerate(example.rejected, 1)]
    return Sample(title, asked, example.conversation.answer, worse)
