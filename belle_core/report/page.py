"""One HTML page that opens offline anywhere: no script, nothing loaded from elsewhere, all text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from belle_core.language import chinese


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str
    kind: str = field(default="words", init=False)


@dataclass(frozen=True)
class Link:
    """A relative link."""

    text: str
    target: str
    kind: str = field(default="link", init=False)


@dataclass(frozen=True)
class Table:
    """Rows of text; columns from ``numbers_from`` on are aligned to the right."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers_from: int = 1
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Picture:
    """An SVG element made by :mod:`belle_core.report.charts`; the only thing that is not escaped."""

    svg: str
    caption: str = ""
    kind: str = field(default="picture", init=False)


@dataclass(frozen=True)
class Figure:
    """One number or word that says much; *odd* ones are marked as worth a look."""

    label: str
    value: str
    note: str = ""
    odd: bool = False


@dataclass(frozen=True)
class Figures:
    """What a reader should know first, side by side."""

    entries: Sequence[Figure]
    kind: str = field(default="figures", init=False)


@dataclass(frozen=True)
class Bars:
    """How often each name occurs, as a table with bars: it can be read aloud, copied, and fits a phone.

    ``headings``: what a name is, and what is counted. Shares are of *total*, or of all counts together; *ranges* names are numbers.
    """

    title: str
    headings: tuple[str, str]
    counts: Sequence[tuple[str, int]]
    total: int = 0
    ranges: bool = False
    kind: str = field(default="bars", init=False)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Name, length of the bar, count and share of every row."""
        total = self.total or sum(count for _, count in self.counts) or 1
        longest = max((count for _, count in self.counts), default=0) or 1
        return [(n, f"{c / longest:.1%}", f"{c:,}", portion(c, total)) for n, c in self.counts]


@dataclass(frozen=True)
class Record:
    """Something said or written, piece by piece: (who or what, text); *side* by side where there is room."""

    title: str
    parts: Sequence[tuple[str, str]]
    side: bool = False
    kind: str = field(default="record", init=False)


@dataclass(frozen=True)
class Sample:
    """A question, the reference, and what each of several models answered: (name, answer, whether it is right)."""

    title: str
    question: str
    reference: str
    answers: Sequence[tuple[str, str, bool | None]]
    kind: str = field(default="sample", init=False)


Block = Words | Link | Table | Picture | Figures | Bars | Record | Sample


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block]


def portion(count: int, total: int) -> str:
    """*count* of *total* in percent, in which only all is 100% and only nothing is 0%."""
    share = 100 * count / total if total else 0.0
    if 0 < share < 0.05:
        return "<0.1%"
    return f"{share:.1f}%" if share < 99.95 or count == total else ">99.9%"


def page(title: str, sections: Sequence[Section], *, stamp: str = "") -> str:
    """The whole page; *stamp* is kept in it to tell later what it was made from."""
    language = "zh-CN" if chinese() else "en"
    return str(_template().render(title=title, sections=sections, stamp=stamp, language=language))


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from belle_core.language import say
    from belle_core.terminal import printable

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.globals["say"] = say
    return environment.get_template("page.html")
