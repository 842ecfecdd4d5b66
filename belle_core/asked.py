"""What the evaluations of a run ask, for filters that look for it in the data and were not told where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from belle_core.config import CleaningConfig
from belle_core.errors import BelleError
from belle_core.plugins import Catalog
from belle_core.stages import load_object

Section = tuple[str, str, Any]
"""Name of a step, where its options sit, and the options."""


def fill_questions(sections: Iterable[Section], catalog: Catalog) -> Iterator[BelleError]:
    """Give filters the question files of the run's evaluations; yields an error for each that gets none."""
    sections = list(sections)
    files, evaluations = _files(sections, catalog)
    for _, where, section in sections:
        for name, chosen in _filters(section):
            for option in (f.name for f in fields(chosen) if f.metadata.get("questions")):
                if getattr(chosen, option) is None and files:
                    setattr(chosen, option, files)
                elif getattr(chosen, option) is None:
                    yield _nothing_to_look_for(f"{where}.clean.{name}.{option}", where, evaluations)


def _files(sections: list[Section], catalog: Catalog) -> tuple[list[str], list[str]]:
    """The files of all evaluations, and the evaluations as they are typed."""
    found: dict[str, None] = {}
    evaluations = []
    for _, where, section in sections:
        stage = catalog.stage_for(section)
        if stage is None or stage.kind != "eval":
            continue
        evaluations.append(f"{where}={stage.name}")
        if stage.asks:
            asks = load_object(stage.asks, wanted_by=stage.title, extra=stage.extra)
            data = (each for _, _, each in sections if isinstance(each, CleaningConfig))
            found |= dict.fromkeys(file for each in data for file in asks(section, each))
    return list(found), evaluations


def _filters(section: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(section, CleaningConfig):
        yield from ((name, chosen) for name, chosen in section.clean.items() if is_dataclass(chosen))


def _nothing_to_look_for(typed: str, data: str, evaluations: list[str]) -> BelleError:
    say = f"{typed}=<file>"
    if not evaluations:
        return BelleError(
            f"{typed} has no questions to look for: the run has no evaluation; choose one (+eval=…) or say {say}",
            f"{typed} 没有要查找的问题：本次运行没有评测；请选择一个评测（+eval=…），或写 {say}",
        )
    chosen = ", ".join(evaluations)
    return BelleError(
        f"{typed} has no questions to look for: {chosen} asks a part of the data itself, not a file; say {say} or {data}.test=<file>",
        f"{typed} 没有要查找的问题：{chosen} 的问题取自数据本身而不是文件；请写 {say} 或 {data}.test=<文件>",
    )
