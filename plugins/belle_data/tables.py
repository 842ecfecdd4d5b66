"""Tables in the terminal, in which Chinese columns line up."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from belle_core.language import say
from belle_core.report.page import Figure, portion
from belle_core.terminal import visible
from belle_data.glance import label_of

if TYPE_CHECKING:
    from rich.console import Console

LENGTHS = {
    "example": ("whole example", "整条样本"),
    "question": ("first question", "首个问题"),
    "answer": ("each answer", "每个回答"),
    "rejected": ("each worse answer", "每个较差回答"),
}
NAMES = {"languages": ("Languages", "语言"), "categories": ("Categories", "类别"), "sources": ("Sources", "来源")}
COLUMNS = {
    "in": ("in", "读入"),
    "changed": ("changed", "改动"),
    "added": ("added", "增加"),
    "dropped": ("dropped", "丢弃"),
}
NAME, HEADING = 8, 12
"""Columns of a terminal that a name and a heading get at least."""


def print_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """One table; nothing for no rows. All columns but the first are aligned to the right, and no number in them is broken."""
    if not rows:
        return
    from rich.table import Table
    from rich.text import Text

    cells = [[cell_of(cell) for cell in row] for row in rows]
    console = _console()
    widths, gap = _widths(headings, cells, console.width)
    console.width = max(console.width, sum(widths) + gap * len(widths))
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="dim")
    for number, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        table.add_column(heading, justify="right" if number else "left", overflow="fold", width=width)
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(Text(visible(title), style="bold"))
    console.print(table)
    console.print()


def _widths(headings: Sequence[str], cells: Sequence[Sequence[str]], room: int) -> tuple[list[int], int]:
    """Of every column, and between them: as wide as what stands in them, or where *room* lacks with folded headings and names."""
    from rich.cells import cell_len

    names = list(map(cell_len, headings))
    inside = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    whole = list(map(max, names, inside))
    if sum(whole) + 2 * (len(whole) - 1) <= room:
        return whole, 2
    others = [max(width, min(name, HEADING)) for name, width in zip(names[1:], inside[1:], strict=True)]
    left = {gap: room - sum(others) - gap * len(others) for gap in (2, 1)}
    gap = 2 if left[2] >= NAME else 1
    return [min(whole[0], max(NAME, left[gap])), *others], gap


def print_figures(figures: Sequence[Figure]) -> None:
    """Label, value and note of each, one below the other; odd ones are marked."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2), pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for figure in figures:
        value = Text(visible(figure.value)).append(" ⚠" if figure.odd else "", style="yellow")
        table.add_row(Text(visible(figure.label), style="bold"), value, Text(visible(figure.note)))
    console = _console()
    console.print(table)
    console.print()


def _console() -> Console:
    """As wide as the terminal; lines of a file or a pipe may be long, since whoever reads them looks for words."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
    return Console(highlight=False, width=wide)


def cell_of(value: object) -> str:
    """A number with its thousands, anything else as one harmless line."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:,}"
    return visible(" ".join(str(value).split()))


def rows_of(counts: Mapping[str, int], total: int) -> list[tuple[str, int, str]]:
    """Name, count and share."""
    return [(label_of(name), count, portion(count, total)) for name, count in counts.items()]


def sizes_of(found: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Headings and rows of the lengths in what :meth:`Statistics.plain` gave, in characters but for one row that says so."""
    sizes = {say(*LENGTHS[name]): values for name, values in found["lengths"].items()}
    sizes[say("number of messages", "消息条数")] = found["turns"]
    titles = {
        "count": ("count", "数量"),
        "mean": ("mean", "均值"),
        "p50": ("median", "中位数"),
        "max": ("largest", "最大"),
    }
    headings = ["", *(say(*titles[name]) if name in titles else name for name in found["turns"])]
    return headings, [[name, *values.values()] for name, values in sizes.items() if values["count"]]
