"""From what a user names to a set of examples: a run, a step, a fingerprint, a directory, or files that are read first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from belle_core.api import default_store, load, prepare
from belle_core.artifacts import MANIFEST, Artifact, Examples
from belle_core.errors import BelleError
from belle_core.events import Event, StepStarted
from belle_core.names import nearest
from belle_core.notices import tell
from belle_core.pipeline import execute, preflight
from belle_core.runs import Run, find_run, read_runs


@dataclass(frozen=True)
class Opened:
    """Examples, and where a page about them belongs."""

    examples: Examples
    name: str
    """As the user called them; of files only the name, since a page may be handed on."""
    page: Path | None
    """Beside the run that made them; ``None`` when no run was named."""


def open_examples(reference: str) -> Opened:
    """The examples behind *reference*; files are read into the store first. Raises ``BelleError`` when there are none."""
    if not reference.strip():
        raise BelleError("name a run, a fingerprint, a file or a directory", "请写运行、指纹、文件或目录")
    store = default_store()
    name, _, step = reference.partition("/")
    if run := find_run(store.root, name):
        artifact = load(reference, store) if step else load(f"{name}/{_last(run)}", store)
        return Opened(_examples(artifact, reference), reference, run.directory / f"data-{artifact.fingerprint}.html")
    path = Path(reference).expanduser()
    if (path.exists() and not (path / MANIFEST).is_file()) or any(sign in reference for sign in "*?"):
        return Opened(_read(path), path.name, None)
    if not path.exists() and not any(d.name.startswith(reference) for d in store.directories()):
        near = nearest(name, [run.name for run in read_runs(store.root)])
        raise BelleError(
            f"{reference}: neither a run nor an artifact in {store.root}, nor a file or directory; "
            + (f"did you mean the run {near!r}? " if near else "") + "`belle runs` lists runs",
            f"{reference}：既不是 {store.root} 中的运行或产物，也不是文件或目录；"
            + (f"是不是运行 {near!r}？" if near else "") + "用 `belle runs` 查看运行",
        )  # fmt: skip
    return Opened(_examples(load(reference, store), reference), reference, None)


def _last(run: Run) -> str:
    """The last step that made examples."""
    names = [step["name"] for step in run.steps if step["type"] == Examples.__name__]
    if not names:
        raise BelleError(f"run {run.name} has made no examples", f"运行 {run.name} 没有生成样本")
    return str(names[-1])


def _examples(artifact: Artifact, reference: str) -> Examples:
    if not isinstance(artifact, Examples):
        kind = type(artifact).__name__
        raise BelleError(f"{reference} is a {kind}, no examples", f"{reference} 是 {kind}，不是样本")
    return artifact


def _read(path: Path) -> Examples:
    """As ``+data=files data.path=<path>`` does; no run is recorded."""
    quoted = str(path.absolute()).replace("'", "\\'")
    prepared = prepare(["+data=files", f"data.path='{quoted}'"])
    preflight(prepared.steps, prepared.recipes, prepared.config, prepared.store)
    made = execute(prepared.steps, prepared.recipes, prepared.config, prepared.store, _tell)
    return _examples(made["data"], str(path))


def _tell(event: Event) -> None:
    if isinstance(event, StepStarted):
        tell("reading into the store …", "正在读入存储 …")
