"""The record of a run: a folder with a readable name that links to the artifacts it made or used."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle_core.artifacts import Artifact, fingerprint
from belle_core.config import RunConfig
from belle_core.errors import BelleError
from belle_core.events import Answers, Event, Metrics, RunFinished, RunStarted, StepFinished, StepStarted
from belle_core.smallfiles import write_text
from belle_core.wiring import Step


def run_name(config: RunConfig, steps: list[Step], keys: list[str], root: Path) -> str:
    """The given name, else one made from the last steps; the same run has the same name.

    A given name that another run of the store *root* has already gets the run's identity behind it, so nothing is lost.
    """
    identity = run_identity(keys)
    if not config.name:
        words = [s.stage.name for s in steps if s.stage.kind not in ("data", "tokenizer")] or [steps[-1].stage.name]
        return f"{'-'.join(dict.fromkeys(words))}-{identity}"
    taken = find_run(root, check_name(config.name))
    same = taken is None or taken.about.get("identity") in (None, identity)
    return config.name if same else f"{config.name}-{identity}"


def run_identity(keys: list[str]) -> str:
    """Six characters that stand for the fingerprints of all steps."""
    return fingerprint({"steps": keys})[:6]


def check_name(name: str) -> str:
    """*name* if it can be a folder; raises ``BelleError``."""
    if not re.fullmatch(r"[\w一-鿿][\w.一-鿿-]{0,99}", name):
        raise BelleError(
            f"name={name!r}: a run's name has letters, digits, '-', '_' and '.' only, 100 at most",
            f"name={name!r}：运行名称只能包含字母、数字、汉字、'-'、'_' 和 '.'，最多 100 个字符",
        )
    return name


class RunRecord:
    """Observer that writes ``run.json``, ``metrics.jsonl`` and a link per step into ``runs/<name>/``."""

    def __init__(self, directory: Path, overrides: list[str], note: str, identity: str) -> None:
        self.directory = directory
        self.about: dict[str, Any] = {"overrides": overrides, "note": note, "identity": identity, "steps": []}

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.directory.mkdir(parents=True, exist_ok=True)
            (self.directory / "config.json").write_text(
                json.dumps(event.config, indent=1, ensure_ascii=False), encoding="utf-8"
            )
            self._write(name=event.name, started=_now(), status="running")
        elif isinstance(event, StepStarted):
            self._log({"event": "step", "step": event.step, "title": event.title, "fingerprint": event.fingerprint})
        elif isinstance(event, Metrics):
            self._log({"event": "metrics", "step": event.step, "stream": event.stream, "at": event.at} | event.values)
        elif isinstance(event, Answers):
            self._log({"event": "answers", "step": event.step, "at": event.at, "answers": event.answers})
        elif isinstance(event, StepFinished):
            self._finished(event)
        elif isinstance(event, RunFinished):
            self._write(finished=_now(), status="failed" if event.error else "done", error=event.error)

    def _finished(self, event: StepFinished) -> None:
        artifact = event.artifact
        kind, seconds = artifact.directory.parent.name, round(event.seconds, 2)
        self.about["steps"].append(
            {
                "name": event.step,
                "title": event.title,
                "type": kind,
                "fingerprint": artifact.fingerprint,
                "cached": event.cached,
                "seconds": seconds,
            }
        )
        link(self.directory / f"{event.number:02d}-{event.step}", artifact)
        self._write()

    def _write(self, **more: Any) -> None:
        self.about |= more
        write_text(self.directory / "run.json", json.dumps(self.about, indent=1, ensure_ascii=False))

    def _log(self, record: dict[str, Any]) -> None:
        with (self.directory / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": _now()} | record, ensure_ascii=False) + "\n")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def link(path: Path, artifact: Artifact) -> None:
    """A relative link to the artifact; where links are not allowed (Windows), ``run.json`` alone holds the reference."""
    try:
        path.unlink(missing_ok=True)
        path.symlink_to(os.path.relpath(artifact.directory, path.parent), target_is_directory=True)
    except OSError:
        pass


@dataclass(frozen=True)
class Run:
    """A recorded run, read back."""

    directory: Path
    about: dict[str, Any]

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def steps(self) -> list[dict[str, Any]]:
        """``{"name", "title", "type", "fingerprint", "cached", "seconds"}`` per finished step, in order."""
        return list(self.about.get("steps", ()))

    @property
    def pinned(self) -> bool:
        """Whether ``gc`` keeps its artifacts whatever happens."""
        return (self.directory / "pinned").exists()


def read_runs(root: Path) -> Iterator[Run]:
    """All recorded runs of a store, oldest first."""
    records = list((root / "runs").glob("*/run.json"))
    for path in sorted(records, key=lambda p: p.stat().st_mtime):
        try:
            yield Run(path.parent, json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            continue  # cut off by a full disk; the artifacts are not affected


def find_run(root: Path, name: str) -> Run | None:
    """The run of that name."""
    return next((run for run in read_runs(root) if run.name == name), None)
