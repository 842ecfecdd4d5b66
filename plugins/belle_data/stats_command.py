"""``belle data stats``: tables in the terminal, and a page."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from belle_core.commands.options import print_json, run_arguments, with_json
from belle_core.errors import BelleError, why_refused
from belle_core.language import say
from belle_core.report.page import portion
from belle_core.smallfiles import write_text
from belle_data.glance import glance
from belle_data.opening import Opened, open_examples
from belle_data.tables import COLUMNS, NAMES, print_figures, print_table, rows_of, sizes_of

ROWS = 12
"""Rows of a table in the terminal; the page and ``--json`` have more."""
FEW = 10
"""Questions below which their words are no picture of anything."""


@click.command("stats", help=say("Count what the examples are like; writes a page that opens offline.", "统计样本的情况，并写出可离线打开的网页。"))  # fmt: skip
@run_arguments("reference", files=True)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help=say(
    "Where the page goes; otherwise beside the run, or a new temporary directory.", "网页的位置；默认放在运行目录，否则放入新的临时目录。"))  # fmt: skip
@with_json
def stats(reference: str, html: Path | None, as_json: bool) -> None:
    """Prints and writes statistics."""
    opened = open_examples(reference)
    if html is not None and not html.absolute().parent.is_dir():
        raise BelleError(f"--html {html}: there is no such directory", f"--html {html}：没有这个目录")
    from belle_data.page import page_of
    from belle_data.statistics import count

    statistics = count(opened.examples)
    found = statistics.plain()
    path = html or _place(opened)
    try:
        write_text(path, page_of(opened.name, statistics, found))
    except OSError as error:
        why, why_zh = why_refused(error)
        raise BelleError(
            f"{path} cannot be written ({why}); say --html <file>",
            f"无法写入 {path}（{why_zh}）；请用 --html <文件> 指定位置",
        ) from error
    if as_json:
        print_json(found | {"page": str(path)})
        return
    _print(found)
    click.echo(say(f"page: {path}", f"网页：{path}"))


def _place(opened: Opened) -> Path:
    return opened.page or Path(tempfile.mkdtemp(prefix="belle-")) / f"data-{opened.examples.fingerprint}.html"


def _print(found: dict[str, Any]) -> None:
    total = sum(found["splits"].values())
    many, share = say("examples", "样本数"), say("share", "占比")
    print_figures(glance(found))
    if len(found["splits"]) > 1:
        print_table(say("Splits", "划分"), ["", many, share], rows_of(found["splits"], total))
    print_table(say("Lengths in characters", "长度（字符）"), *sizes_of(found))
    for name, title in NAMES.items():
        rows = rows_of(found[name], total)
        rest = sum(found[name].values()) - sum(count for _, count, _ in rows[:ROWS])
        more = (
            [[say(f"… {len(rows) - ROWS} more", f"……另有 {len(rows) - ROWS} 项"), rest, portion(rest, total)]]
            if rest
            else []
        )
        print_table(say(*title), ["", many, share], [*rows[:ROWS], *more] if set(found[name]) != {"-"} else [])
    for words in (found["words"], found["words"]["english"]):
        _print_words(words)
    filters = [[name, *(counts.get(key, 0) for key in COLUMNS)] for name, counts in found["cleaned"].items()]
    print_table(say("Filters", "过滤"), ["", *(say(*title) for title in COLUMNS.values())], filters)
    dropped = sorted(found["rejected"].items(), key=lambda pair: (-pair[1], pair[0]))
    print_table(say("Dropped", "丢弃"), [say("reason", "原因"), say("records", "条数")], dropped[: 2 * ROWS])


def _print_words(words: dict[str, Any]) -> None:
    pairs = [[f"{verb} {thing}", count] for verb, thing, count in words["pairs"]] or words["topics"]
    title = say(f"What {words['looked_at']:,} questions ask for ({words['method']})",
                f"{words['looked_at']:,} 个问题的意图（{words['method']}）")  # fmt: skip
    print_table(title, ["", say("questions", "问题数")], pairs[:ROWS] if words["looked_at"] >= FEW else [])
