"""Tables in the terminal, in which Chinese columns line up."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from belle_core.commands.options import visible
from belle_core.language import say
from belle_core.report.page import Figure, portion
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


def print_table(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[object]], *, numbers_from: int = 1
) -> None:
    """One table; nothing for no rows. Columns from *numbers_from* on are aligned to the right."""
    if not rows:
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number >= numbers_from else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell_of(cell)) for cell in row))
    console = _console()
    console.print(Text(visible(title), style="bold"))
    console.print(table)
    console.print()


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
