"""``belle data stats``: tables in the terminal, and a page."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from belle_core.commands.options import print_json, with_json
from belle_core.errors import BelleError
from belle_core.language import say
from belle_data.opening import Opened, open_examples
from belle_data.tables import print_table, rows_of

ROWS = 12
"""Rows of a table in the terminal; the page and ``--json`` have more."""


@click.command("stats", help=say("Count what the examples are like; writes a page that opens offline.", "统计样本的情况，并写出可离线打开的网页。"))  # fmt: skip
@click.argument("reference")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help=say(
    "Where the page goes; otherwise beside the run, or a new temporary directory.", "网页的位置；默认放在运行目录，否则放入新的临时目录。"))  # fmt: skip
@with_json
def stats(reference: str, html: Path | None, as_json: bool) -> None:
    """Prints and writes statistics."""
    opened = open_examples(reference)
    if html is not None and not html.absolute().parent.is_dir():
        raise BelleError(f"--html {html}: there is no such directory", f"--html {html}：没有这个目录")
    from belle_core.report.page import write_page
    from belle_data.page import page_of
    from belle_data.statistics import count

    statistics = count(opened.examples)
    found = statistics.plain()
    path = html or _place(opened)
    write_page(path, page_of(opened.name, statistics, found))
    if as_json:
        print_json(found | {"page": str(path)})
        return
    _print(found)
    click.echo(f"{say('page', '网页')}: {path}")


def _place(opened: Opened) -> Path:
    return opened.page or Path(tempfile.mkdtemp(prefix="belle-")) / f"data-{opened.examples.fingerprint}.html"


def _print(found: dict[str, Any]) -> None:
    total = sum(found["splits"].values())
    many, share = say("examples", "样本数"), say("share", "占比")
    print_table(say("Splits", "划分"), [say("split", "划分"), many, share], rows_of(found["splits"], total))
    sizes = {say(*LENGTHS[name]): values for name, values in found["lengths"].items() if values["count"]}
    sizes[say("turns", "轮次（条）")] = found["turns"]
    print_table(say("Characters and turns", "字符数与轮次"), ["", *found["turns"]], [[n, *v.values()] for n, v in sizes.items() if v["count"]])  # fmt: skip
    for name, title in NAMES.items():
        rows = rows_of(found[name], total)
        rest = len(rows) - ROWS
        more = [[say(f"… {rest} more", f"……另有 {rest} 项"), "", ""]] if rest > 0 else []
        print_table(say(*title), ["", many, share], [*rows[:ROWS], *more])
    for words in (found["words"], found["words"]["english"]):
        pairs = [[f"{verb} {thing}", count] for verb, thing, count in words["pairs"]] or words["topics"]
        print_table(say(f"What {words['looked_at']:,} questions ask for ({words['method']})",
                        f"{words['looked_at']:,} 个问题的意图（{words['method']}）"), ["", say("questions", "问题数")], pairs[:ROWS])  # fmt: skip
    print_table(
        say("Filters", "过滤"),
        ["", *(say(*title) for title in COLUMNS.values())],
        [[n, *map(c.get, COLUMNS)] for n, c in found["cleaned"].items()],
    )
    print_table(say("Dropped", "丢弃"), [say("reason", "原因"), say("records", "条数")], list(found["rejected"].items())[:ROWS * 2])  # fmt: skip
    click.echo(repeated(found["duplicates"]))


LENGTHS = {"example": ("whole example", "整条样本"), "question": ("first question", "首个问题"), "answer": ("each answer", "每个回答")}  # fmt: skip
NAMES = {"languages": ("Languages", "语言"), "categories": ("Categories", "类别"), "sources": ("Sources", "来源")}
COLUMNS = {
    "in": ("in", "读入"),
    "changed": ("changed", "改动"),
    "added": ("added", "增加"),
    "dropped": ("dropped", "丢弃"),
}


def repeated(duplicates: dict[str, Any]) -> str:
    """How many questions repeat an earlier one, in words."""
    about = "" if duplicates["exact"] else "≈ "
    return say(
        f"{about}{duplicates['repeated']:,} examples ask what an earlier one asks (case, width, white space and punctuation aside); "
        f"the most frequent question stands {duplicates['most']:,} times",
        f"{about}{duplicates['repeated']:,} 条样本的问题与之前的相同（不计大小写、全半角、空白与标点）；最多的问题出现 {duplicates['most']:,} 次",
    )
