"""What the page of a run shows."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

from belle_core.artifacts import MANIFEST, Artifact, Evaluation
from belle_core.console import summary
from belle_core.language import say
from belle_core.report.charts import loss_curve
from belle_core.report.evaluations import comparison, files_of, side_by_side
from belle_core.report.page import Block, Link, Picture, Sample, Section, Table, Words

SAMPLES = 24
CURVE = "curve.jsonl"
"""What a training step leaves: ``{"step", "loss", "lr", "dev"}`` per optimizer step, figures that were not taken left out."""

ANSWERS = "samples.jsonl"
"""What a training step leaves when it was asked on the way: ``{"step", "id", "question", "reference", "answer"}``."""
WAY = 6
"""Most answers of one model to one question."""


def sections(directory: Path, artifacts: dict[str, Artifact]) -> list[Section]:
    """The sections for which there is something to show."""
    evaluations = {name: a for name, a in artifacts.items() if isinstance(a, Evaluation)}
    found = [Section(say("Steps", "步骤"), [*_about(directory), _steps(artifacts)])]
    if evaluations:
        links = [_link(directory, name, evaluation) for name, evaluation in evaluations.items()]
        found.append(Section(say("Evaluation", "评测"), [*comparison(evaluations), *filter(None, links)]))
    found += [
        _training(name, artifact) for name, artifact in artifacts.items() if (artifact.directory / CURVE).is_file()
    ]
    if evaluations and (samples := side_by_side(evaluations, SAMPLES)):
        found.append(Section(say("Answers", "回答示例"), samples))
    return found


def _about(directory: Path) -> list[Block]:
    path = directory / "run.json"
    about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    command = portable("belle " + shlex.join(about.get("overrides", ())))
    blocks: list[Block] = [Words(command)] if about.get("overrides") else []
    return [*blocks, Words(about["note"])] if about.get("note") else blocks


def portable(command: str) -> str:
    """*command* for readers elsewhere, whom it does not help where on this machine somebody works."""
    for place, short in ((Path.cwd(), "."), (Path(os.path.expanduser("~")), "~")):
        if place != place.parent:
            command = re.sub(rf"(?<![\w.~-]){re.escape(str(place))}(?=[/\s'\"\],}}]|$)", short, command)
    return command


def _steps(artifacts: dict[str, Artifact]) -> Table:
    names = {artifact.fingerprint: name for name, artifact in artifacts.items()}
    headings = [
        say("step", "步骤"),
        say("type", "类型"),
        say("made from", "来源"),
        say("facts", "概要"),
        say("seconds", "秒"),
        say("fingerprint", "指纹"),
    ]
    return Table(
        headings, [_step(name, artifact, names) for name, artifact in artifacts.items()], numbers_from=len(headings)
    )


def _step(name: str, artifact: Artifact, names: dict[str, str]) -> list[str]:
    path = artifact.directory / MANIFEST
    provenance = json.loads(path.read_text(encoding="utf-8"))["provenance"] if path.is_file() else {}
    sources = [reference.rpartition("/")[2] for reference in provenance.get("inputs", ())]
    seconds = provenance.get("seconds")
    return [
        name,
        artifact.directory.parent.name,
        ", ".join(names.get(source, source) for source in sources) or "-",
        summary(artifact).replace(f"{artifact.directory.parents[1]}{os.sep}", ""),  # a bundle's place, in the store
        "-" if seconds is None else f"{seconds:.1f}",
        artifact.fingerprint,
    ]


def _training(name: str, artifact: Artifact) -> Section:
    with (artifact.directory / CURVE).open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    blocks: list[Block] = [Picture(loss_curve(records)), *_answers(artifact.directory / ANSWERS)]
    return Section(say(f"Training: {name}", f"训练：{name}"), blocks)


def _answers(path: Path) -> list[Block]:
    """The questions that were asked on the way, each with the first answer and the last ones."""
    if not path.is_file():
        return []
    asked: dict[str, list[dict[str, Any]]] = {}
    with path.open(encoding="utf-8") as file:
        for record in map(json.loads, file):
            asked.setdefault(record["id"], []).append(record)
    return [
        Sample(
            name,
            records[0]["question"],
            records[0]["reference"],
            [
                (say(f"step {r['step']}", f"第 {r['step']} 步"), r["answer"], None)
                for r in [*records[:1], *records[1:][1 - WAY :]]
            ],
        )
        for name, records in asked.items()
    ]


def _link(directory: Path, name: str, evaluation: Evaluation) -> Link | None:
    page = files_of(evaluation)
    if not page.is_file():
        return None
    try:
        target = Path(os.path.relpath(page, directory)).as_posix()
    except ValueError:  # on another drive (Windows)
        target = page.as_uri()
    return Link(say(f"{name}: scores and answers", f"{name}：得分与回答"), target)
