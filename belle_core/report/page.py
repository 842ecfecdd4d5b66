"""One HTML page that opens offline anywhere: no script, nothing loaded from elsewhere, all text escaped."""

from __future__ import annotations

import os
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
class Sample:
    """A question, the reference, and what each of several models answered: (name, answer, whether it is right)."""

    title: str
    question: str
    reference: str
    answers: Sequence[tuple[str, str, bool | None]]
    kind: str = field(default="sample", init=False)


Block = Words | Link | Table | Picture | Sample


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: Sequence[Block]


def page(title: str, sections: Sequence[Section], *, stamp: str = "") -> str:
    """The whole page; *stamp* is kept in it to tell later what it was made from."""
    language = "zh-CN" if chinese() else "en"
    return str(_template().render(title=title, sections=sections, stamp=stamp, language=language))


def write_page(path: Path, text: str) -> None:
    """Put the page in place in full or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from belle_core.generation.text import printable
    from belle_core.language import say

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
