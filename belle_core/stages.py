"""What a stage and a part are, and what a stage may see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from belle_core.artifacts import Artifact, Runnable
from belle_core.config import CleaningConfig
from belle_core.errors import BelleError

KINDS = ("data", "tokenizer", "train", "quantize", "eval", "deploy")  # also the order of execution
PART_GROUPS = {
    "objective": "train/objective",
    "optimizer": "train/optimizer",
    "tracker": "tracker",
    "filter": "filter",
    "format": None,
    "template": None,
    "reward": None,
    "runner": None,
}
"""Kinds of parts and the config group each is chosen in; ``None``: chosen by name in another section."""
A = TypeVar("A", bound=Artifact)


def load_object(path: str, *, wanted_by: str, extra: str | None) -> Any:
    """Import ``module:name``; a missing optional package becomes an error that says what to install."""
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == module.split(".")[0]:
            raise  # the plugin itself is broken
        install = f'pip install "{distribution_of(module)}[{extra}]"' if extra else f"pip install {error.name}"
        raise BelleError(
            f"{wanted_by} needs the package {error.name}: {install}",
            f"{wanted_by} 需要软件包 {error.name}：{install}",
        ) from error


@cache
def distribution_of(module: str) -> str:
    """The distribution that a plugin's *module* came with, whose extras its packages are."""
    package = module.split(".")[0]
    offered = (entry for entry in entry_points(group="belle") if entry.value.split(":")[0].split(".")[0] == package)
    return next((entry.dist.name for entry in offered if entry.dist), "belle")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One selectable implementation: ``+<kind>=<name>`` on the command line."""

    kind: str
    name: str
    config: type
    """Dataclass with the options; its type selects this stage."""
    run: str
    """``module:function(config, context) -> Artifact``, imported only when selected."""
    produces: type[Artifact]
    consumes: tuple[type[Artifact], ...] = ()
    """Artifacts that must exist; the latest of each type is taken."""
    optional: tuple[type[Artifact], ...] = ()
    """Artifacts that are taken where an earlier step makes them."""
    starts_from: tuple[type[Runnable], ...] = ()
    """Kinds of models it works on. Without an earlier one it starts from ``model`` and ``seed``, with a Tokenizer."""
    reads: tuple[str, ...] = ()
    """Shared sections that it sees, e.g. ``("trainer",)``."""
    record: tuple[str, ...] = ()
    """Kinds of examples it takes (``Examples.record``); empty: any."""
    check: str | None = None
    """``module:function(config, shared)``, run before any work; raises for what cannot work here. Must be light."""
    estimate: str | None = None
    """``module:function(config, known) -> dict`` for ``belle plan``: figures such as ``tokens``, ``bytes``, ``calls``."""
    asks: str | None = None
    """For evaluations: ``module:function(config, data) -> list[str]``, the files its questions come from; *data* are the options
    of the run's data, where it asks a part of those. Must be light."""
    groups: dict[str, str] = field(default_factory=dict)
    """Sub-groups of its options and their default choice, e.g. ``{"objective": "sft"}``."""
    extra: str | None = None
    """The optional dependency group it needs: ``pip install "belle[<extra>]"``."""
    version: int = 1
    """Raised when the same config should give a different artifact."""

    @property
    def title(self) -> str:
        return f"{self.kind}={self.name}"

    @property
    def subgroups(self) -> dict[str, str]:
        """Its ``groups``, and the choice of a cleaning where it cleans."""
        return ({"clean": "none"} if issubclass(self.config, CleaningConfig) else {}) | self.groups

    def load(self) -> Callable[[Any, StageContext], Artifact]:
        """The function that does the work; imports what it needs."""
        return load_object(self.run, wanted_by=self.title, extra=self.extra)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A small thing that stages compose: an objective, an optimizer, a format, a template, a tracker."""

    kind: str
    name: str
    run: str
    """``module:object``, imported only when used."""
    config: type | None = None
    """Dataclass with the options, for kinds that have a config group."""
    record: tuple[str, ...] = ()
    """Kinds of examples that a stage with this part takes (``Examples.record``); empty: any."""
    produces: type[Artifact] | None = None
    """What a stage with this part makes instead of its own kind of artifact."""
    optional: tuple[type[Artifact], ...] = ()
    """Artifacts that a stage with this part is given where an earlier step makes one."""
    extra: str | None = None
    version: int = 1

    def load(self) -> Any:
        """The object itself."""
        return load_object(self.run, wanted_by=f"{self.kind}={self.name}", extra=self.extra)


@dataclass(frozen=True, kw_only=True)
class Command:
    """A subcommand of ``belle``: a Click command named by import path, so that start-up stays light."""

    name: str
    run: str
    help: str
    help_zh: str


@dataclass(frozen=True)
class StageContext:
    """Everything a stage may read besides its own config; it is in the fingerprint, but for ``emit`` and ``show`` (ways out) and ``rank``."""

    directory: Path
    """Where to write the artifact's files; becomes the artifact when the stage returns."""
    shared: dict[str, Any]
    """The shared sections it reads, by name."""
    inputs: dict[type[Artifact], Artifact]
    limit: int | None = None
    """Smoke run: at most this many examples per split."""
    emit: Callable[[str, dict[str, float], int], None] = field(default=lambda stream, metrics, step: None)
    """``emit("train", {"loss": 1.2}, step)`` sends metrics to the local record and the trackers."""
    show: Callable[[list[dict[str, str]], int], None] = field(default=lambda answers, step: None)
    """``show([{"id", "question", "reference", "answer"}], step)`` sends answers the same way."""
    rank: int = 0
    """Which of the processes that carry out this stage together this is; 0 writes the artifact."""
    sources: dict[str, Artifact] = field(default_factory=dict)
    """Artifacts of the steps that its options hold, by their names there (``data.sources.<name>``)."""

    @property
    def scratch(self) -> Path:
        """A folder that outlives a crash, for resuming, and is removed when the stage succeeds; each rank has its own."""
        folder = self.directory / "scratch" / (f"rank{self.rank}" if self.rank else "")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def input(self, kind: type[A]) -> A:
        """The input artifact of that type (or of a subtype); raises ``KeyError`` when there is none."""
        found = self.find(kind)
        if found is None:
            raise KeyError(kind.__name__)
        return found

    def find(self, kind: type[A]) -> A | None:
        """The input artifact of that type (or of a subtype), if there is one."""
        return next((artifact for artifact in self.inputs.values() if isinstance(artifact, kind)), None)
