"""Tables in the terminal, in which Chinese columns line up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from belle_core.commands.options import visible


def print_table(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[object]], *, numbers_from: int = 1
) -> None:
    """One table; nothing for no rows. Columns from *numbers_from* on are aligned to the right."""
    if not rows:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number >= numbers_from else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell_of(cell)) for cell in row))
    console = Console(highlight=False)
    console.print(Text(visible(title), style="bold"))
    console.print(table)
    console.print()


def cell_of(value: object) -> str:
    """A number with its thousands, anything else as one harmless line."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return visible(" ".join(str(value).split()))


def rows_of(counts: Mapping[str, int], total: int) -> list[list[object]]:
    """Name, count and share."""
    return [[name, count, f"{count / total:.1%}" if total else "-"] for name, count in counts.items()]
