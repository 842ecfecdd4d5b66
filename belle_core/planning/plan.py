"""The plan of a run: every step with what it will take, and what stands in its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from belle_core.api import Prepared
from belle_core.artifacts import Artifact, Evaluation, Examples, Runnable, Tokenizer
from belle_core.compose import compose_run
from belle_core.config import TrainConfig
from belle_core.errors import BelleError, Several
from belle_core.identity import Identities, shared_of
from belle_core.pipeline import preflight
from belle_core.planning.model import KnownModel, initial_model, made_model
from belle_core.planning.training import Situation, Training, plan_training
from belle_core.plugins import load_catalog
from belle_core.stages import load_object
from belle_core.store import Store, store_root
from belle_core.wiring import Step, wire


@dataclass(frozen=True)
class PlannedStep:
    """One step before it runs; ``None`` is what cannot be known yet."""

    name: str
    title: str
    type: str
    fingerprint: str
    cached: bool
    inputs: dict[str, str]
    """Where each input comes from, by type; ``Model`` from ``initial`` is the ``model`` section."""
    figures: dict[str, Any]
    """What the artifact says if it is in the store, else what the stage's ``estimate`` hook says."""
    training: Training | None = None

    @property
    def bytes(self) -> int | None:
        """What it will write; nothing when it is in the store."""
        if self.cached:
            return 0
        return self.figures.get("bytes", self.training.bytes if self.training else None)

    @property
    def seconds(self) -> float | None:
        """How long it will take; nothing when it is in the store."""
        if self.cached:
            return 0.0
        return self.figures.get("seconds", self.training.seconds if self.training else None)

    @property
    def calls(self) -> int:
        """Calls of paid interfaces."""
        return 0 if self.cached else int(self.figures.get("calls", 0))

    @property
    def cost(self) -> float:
        """Their price, in the currency of the stage's prices."""
        return 0.0 if self.cached else float(self.figures.get("cost", 0.0))


@dataclass(frozen=True)
class Plan:
    """What a command line would do."""

    steps: list[PlannedStep]
    data_licences: list[str]
    model_licence: str
    store: Path
    problems: list[BelleError] = field(default_factory=list)


def make_plan(
    overrides: list[str], config_dir: str | None = None, *, matmul: float | None = None, measure: bool = False
) -> Plan:
    """Plan a run without running or writing anything; raises ``BelleError`` when it cannot even be composed.

    ``matmul``: measured operations per second, for a lower bound of the time where no earlier run tells it.
    ``measure``: stages may try on some examples what takes them long.
    """
    prepared = prepare_reading(overrides, config_dir)
    problems: list[BelleError] = []
    planner = _Planner(prepared, matmul, problems, measure=measure)
    steps = [planner.plan(step) for step in prepared.steps]
    problems += _preflight(prepared)
    licences = sorted({licence for step in steps for licence in step.figures.get("licences", ())})
    unique = list({str(problem): problem for problem in problems}.values())
    return Plan(steps, licences, prepared.config.model.licence, prepared.store.root, unique)


def prepare_reading(overrides: list[str], config_dir: str | None = None) -> Prepared:
    """As ``belle_core.api.prepare``, but even the digests of input files are not kept."""
    composed = compose_run(overrides, config_dir)
    catalog, store = load_catalog(), Store(store_root(composed.config.store))
    steps = wire(composed.config, catalog)
    identities = Identities(composed.config, catalog, store.digests)
    return Prepared(composed, steps, {step.name: identities.of(step) for step in steps}, store)


def _preflight(prepared: Prepared) -> list[BelleError]:
    try:
        preflight(prepared.steps, prepared.recipes, prepared.config, prepared.store)
    except Several as several:
        return several.errors
    except BelleError as error:
        return [error]
    return []


class _Planner:
    """Plans steps in order, since each builds on the figures of those before."""

    def __init__(self, prepared: Prepared, matmul: float | None, problems: list[BelleError], *, measure: bool) -> None:
        self.prepared, self.matmul, self.problems, self.measure = prepared, matmul, problems, measure
        self.artifacts: dict[str, Artifact | None] = {}
        self.figures: dict[str, dict[str, Any]] = {}
        self.models: dict[str, KnownModel] = {}

    def plan(self, step: Step) -> PlannedStep:
        artifact = self.artifacts[step.name] = self._cached(step)
        model = self._model(step)
        self.figures[step.name] = figures = facts_of(artifact) if artifact else self._estimate(step)
        if artifact is None:
            self._check_dev(step)
        training = None
        if step.stage.kind == "train" and model:
            training = plan_training(step, self._situation(step, model))
        if model and issubclass(step.produces, Runnable):
            self.models[step.name] = made_model(artifact, model)
        return PlannedStep(
            name=step.name,
            title=step.stage.title,
            type=step.produces.__name__,
            fingerprint=self.prepared.recipes[step.name].key,
            cached=artifact is not None,
            inputs={kind.__name__: source for kind, source in step.sources.items()}
            | step.inner
            | ({"Model": "initial"} if step.initial else {}),
            figures=figures,
            training=training,
        )

    def _cached(self, step: Step) -> Artifact | None:
        try:
            return self.prepared.cached(step)
        except BelleError as damaged:
            self.problems.append(damaged)
            return None

    def _model(self, step: Step) -> KnownModel | None:
        """What the step works on: an earlier step's model, or the initial one."""
        for kind, source in step.sources.items():
            if issubclass(kind, Runnable):
                return self.models.get(source)
        if not step.initial:
            return None
        section = self.prepared.recipes[step.name].values["shared"]["model"]
        vocabulary = self._input(step, Tokenizer).get("vocabulary")
        return initial_model(self.prepared.config.model, section, vocabulary)

    def _input(self, step: Step, kind: type[Artifact]) -> dict[str, Any]:
        return self.figures.get(step.sources.get(kind, ""), {})

    def _estimate(self, step: Step) -> dict[str, Any]:
        """What the stage itself says: ``estimate(config, known)`` with the figures of inputs by type, of inner steps by name."""
        if not step.stage.estimate:
            return {}
        known = {
            "shared": shared_of(step, self.prepared.config),
            "inputs": {kind.__name__: self.figures[source] for kind, source in step.sources.items()},
            "sources": {key: self.figures[name] for key, name in step.inner.items()},
            "limit": self.prepared.config.limit,
            "measure": self.measure,
        }
        try:
            return dict(
                load_object(step.stage.estimate, wanted_by=step.stage.title, extra=step.stage.extra)(
                    step.section, known
                )
            )
        except BelleError as error:
            self.problems.append(error)
            return {}

    def _check_dev(self, step: Step) -> None:
        """By the estimate of the data; what is in the store already is looked at by the checks before a run."""
        source = step.sources.get(Examples, "")
        splits = self.figures.get(source, {}).get("splits")
        if isinstance(step.section, TrainConfig) and splits and not self.artifacts.get(source):
            try:
                step.section.check_dev(splits.get("dev", 0))
            except BelleError as error:
                self.problems.append(error)

    def _situation(self, step: Step, model: KnownModel) -> Situation:
        examples = self.artifacts.get(step.sources.get(Examples, ""))
        tokenizer = self.artifacts.get(self._tokenizer_of(step))
        return Situation(
            config=self.prepared.config,
            store=self.prepared.store,
            model=model,
            figures=self._input(step, Examples),
            examples=examples if isinstance(examples, Examples) else None,
            tokenizer=tokenizer if isinstance(tokenizer, Tokenizer) else None,
            matmul=self.matmul,
        )

    def _tokenizer_of(self, step: Step) -> str:
        """The step that makes the tokenizer of the model that *step* works on."""
        while Tokenizer not in step.sources:
            source = next((name for kind, name in step.sources.items() if issubclass(kind, Runnable)), None)
            if source is None:
                return ""
            step = next(s for s in self.prepared.steps if s.name == source)
        return step.sources[Tokenizer]


def facts_of(artifact: Artifact) -> dict[str, Any]:
    """The figures that later steps build on, from a finished artifact."""
    if isinstance(artifact, Examples):
        return {
            "examples": artifact.splits.get("train", 0),
            "splits": artifact.splits,
            "characters": artifact.characters,
            "licences": artifact.licences,
        }
    if isinstance(artifact, Tokenizer):
        return {"vocabulary": artifact.vocabulary}
    if isinstance(artifact, Runnable):
        return {"parameters": artifact.parameters, "metrics": artifact.metrics}
    return {"scores": artifact.scores} if isinstance(artifact, Evaluation) else {}
