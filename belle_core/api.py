"""What the command line does, as functions: ``run``, ``plan`` and ``load``."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from belle_core.artifacts import Artifact
from belle_core.compose import Composed, compose_run
from belle_core.config import RunConfig
from belle_core.console import Console
from belle_core.errors import BelleError
from belle_core.events import RunFinished, RunStarted
from belle_core.identity import Recipe
from belle_core.language import say
from belle_core.nodes import following, led, place_of
from belle_core.observers import fan_out, guests_of
from belle_core.pipeline import disk_error, execute, preflight, recipes_of
from belle_core.plugins import load_catalog
from belle_core.references import find_artifact
from belle_core.report import write_report
from belle_core.runs import RunRecord, run_identity, run_name
from belle_core.stopping import stopped_by
from belle_core.store import Store, store_root
from belle_core.wiring import Step, wire


@dataclass(frozen=True)
class Prepared:
    """A run that is composed and wired, with the identity of every step, before anything is done."""

    composed: Composed
    steps: list[Step]
    recipes: dict[str, Recipe]
    store: Store

    @property
    def config(self) -> RunConfig:
        return self.composed.config

    def cached(self, step: Step) -> Artifact | None:
        """The step's artifact if it is in the store."""
        return self.store.find(step.produces, self.recipes[step.name].key)


@dataclass(frozen=True)
class Result:
    """A finished run."""

    name: str
    directory: Path
    artifacts: dict[str, Artifact]
    """By step name, in order."""


def prepare(overrides: list[str], config_dir: str | None = None) -> Prepared:
    """Compose and wire a run; raises ``BelleError``. Nothing is written."""
    composed = compose_run(overrides, config_dir)
    store = Store(store_root(composed.config.store))
    steps = wire(composed.config, load_catalog())
    return Prepared(composed, steps, recipes_of(steps, composed.config, load_catalog(), store), store)


def run(overrides: list[str], config_dir: str | None = None, *, quiet: bool = False) -> Result:
    """Do what ``belle <overrides>`` does; raises ``BelleError`` for what a user can fix.

    Where torchrun or srun started several processes, all but the first only join in its training steps.
    """
    if place_of() and following(compose_run(overrides, config_dir).config.trainer):
        return Result("", Path(), {})
    with led():  # whatever ends this process, the others hear of it
        return _run(overrides, config_dir, quiet=quiet)


def _run(overrides: list[str], config_dir: str | None, *, quiet: bool) -> Result:
    prepared = prepare(overrides, config_dir)
    following(prepared.config.trainer)
    config, steps, store = prepared.config, prepared.steps, prepared.store
    preflight(steps, prepared.recipes, config, store)
    keys = [recipe.key for recipe in prepared.recipes.values()]
    name = run_name(config, steps, keys, store.root)
    directory = store.root / "runs" / name
    record = RunRecord(directory, prepared.composed.overrides, config.note, run_identity(keys))
    observe = fan_out([record, *([] if quiet else [Console()])], guests_of(config.tracker, load_catalog()))
    artifacts: dict[str, Artifact] = {}
    try:
        observe(
            RunStarted(name=name, directory=directory, config=prepared.composed.resolved, steps=[s.name for s in steps])
        )
        artifacts = execute(steps, prepared.recipes, config, store, observe)
        write_report(directory, artifacts)
    except BaseException as caught:
        with suppress(OSError):  # a full disk must not hide the error itself
            observe(RunFinished(name=name, directory=directory, error=_why(caught)))
        if isinstance(caught, OSError) and (translated := disk_error(caught, store.root)):
            raise translated from caught
        raise
    observe(RunFinished(name=name, directory=directory, artifacts=artifacts))
    return Result(name, directory, artifacts)


def _why(end: BaseException) -> str:
    """What ended a run, for its record."""
    if number := stopped_by(end):
        name = Signals(number).name
        return say(f"stopped by {name}", f"被 {name} 中断")
    return str(end) if isinstance(end, BelleError) else f"{type(end).__name__}: {end}"


def default_store() -> Store:
    """The store that commands look into: ``BELLE_STORE``, else ``./belle-store``."""
    return Store(store_root(os.environ.get("BELLE_STORE", "belle-store")))


def load(reference: str, store: Store | None = None) -> Artifact:
    """An artifact by fingerprint (or its beginning), by ``<run>`` (its last model, else last step) or ``<run>/<step>``.

    Raises ``BelleError`` when there is none.
    """
    return find_artifact(reference, store or default_store())
