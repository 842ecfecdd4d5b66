"""Turns a configuration into an ordered list of steps and decides what each one takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from belle_core.artifacts import Artifact, RewardModel, Runnable, Tokenizer
from belle_core.asked import fill_questions
from belle_core.config import RunConfig
from belle_core.errors import BelleError, Several
from belle_core.names import unknown
from belle_core.plugins import Catalog
from belle_core.stages import KINDS, Part, Stage

INITIAL = "initial"
MODEL = "model"


@dataclass(frozen=True)
class Step:
    """One stage of a run with its options and its sources."""

    name: str
    where: str
    """Where its options sit in the configuration, as typed: ``train`` or ``steps.math``."""
    stage: Stage
    section: Any
    """Its options: an instance of ``stage.config``."""
    sources: dict[type[Artifact], str] = field(default_factory=dict)
    """The step each input comes from, by type."""
    parts: tuple[Part, ...] = ()
    """What is chosen in the sub-groups of its options, such as the objective."""
    inner: dict[str, str] = field(default_factory=dict)
    """Steps that its options hold, such as the sources of a mix: their name there → name of the step."""

    @property
    def produces(self) -> type[Artifact]:
        """What it makes: its method's kind of artifact, or its objective's."""
        return next((part.produces for part in self.parts if part.produces), self.stage.produces)

    @property
    def initial(self) -> bool:
        """Whether it starts from the ``model`` section instead of an earlier step's model."""
        return bool(self.stage.starts_from) and not any(issubclass(kind, Runnable) for kind in self.sources)


def sections(config: RunConfig) -> Iterator[tuple[str, str, Any]]:
    """(step name, path, options) in the order of execution: data, tokenizer, ``steps`` as written, then the rest."""
    for kind in KINDS[:2]:
        if (section := getattr(config, kind)) is not None:
            yield kind, kind, section
    for name, section in config.steps.items():
        yield name, f"steps.{name}", section
    for kind in KINDS[2:]:
        if (section := getattr(config, kind)) is not None:
            yield kind, kind, section


def inner_sections(name: str, where: str, section: Any, catalog: Catalog) -> dict[str, tuple[str, str, Any]]:
    """Stages among the values of a mapping in *section*, by their name there: (step name, path, options) of each."""
    mappings = ((f.name, getattr(section, f.name)) for f in fields(section)) if is_dataclass(section) else ()
    return {
        key: (f"{name}.{key}", f"{where}.{option}.{key}", inner)
        for option, mapping in mappings
        if isinstance(mapping, dict)
        for key, inner in mapping.items()
        if catalog.stage_for(inner) is not None
    }


def with_inner(outer: Iterable[tuple[str, str, Any]], catalog: Catalog) -> Iterator[tuple[str, str, Any]]:
    """Every section after those that it holds."""
    for name, where, section in outer:
        yield from with_inner(inner_sections(name, where, section, catalog).values(), catalog)
        yield name, where, section


def wire(config: RunConfig, catalog: Catalog) -> list[Step]:
    """The steps of a run; raises ``BelleError`` for everything that cannot be connected."""
    steps: list[Step] = []
    every = list(with_inner(sections(config), catalog))
    errors = list(fill_questions(every, catalog))
    for name, where, section in every:
        try:
            steps.append(_connect(name, where, section, steps, config, catalog))
        except BelleError as error:
            errors.append(error)
    names = [step.name for step in steps]
    errors += [
        unknown("step", name, names, typed=f"inputs.{name}")
        for name in config.inputs
        if name not in names and not errors
    ]
    if errors:
        raise errors[0] if len(errors) == 1 else Several(errors)
    if not steps:
        raise BelleError(
            "nothing to do; choose a step, for example +train=lora, or a whole run: +recipe=quickstart",
            "没有要做的事；请选择一个步骤，例如 +train=lora，或完整流程：+recipe=quickstart",
        )
    return steps


def _connect(name: str, where: str, section: Any, before: list[Step], config: RunConfig, catalog: Catalog) -> Step:
    stage = catalog.stage_for(section)
    if isinstance(section, str):  # the group has no options at all, so Hydra took the choice for a value
        raise unknown(where, section, catalog.names(where), typed=f"+{where}={section}")
    if stage is None:
        raise BelleError(
            f"{where} holds options but no stage; choose one, for example +train@{where}=lora",
            f"{where} 只有选项而没有选择阶段；例如 +train@{where}=lora",
        )
    chosen, parts = dict(config.inputs.get(name, {})), parts_of(stage, section, catalog)
    sources: dict[type[Artifact], str] = {}
    optional = (*stage.optional, *(kind for part in parts for kind in part.optional))
    there = [kind for kind in optional if any(issubclass(step.produces, kind) for step in before)]
    for kind in (*stage.consumes, *there):
        sources[kind] = _source(name, stage, kind, chosen.pop(kind.__name__.lower(), None), before)
    if stage.starts_from:
        start = _start(name, stage, parts, chosen.pop(MODEL, None), before)
        if start is not None:
            sources[start.produces] = start.name
        elif Tokenizer not in sources:
            sources[Tokenizer] = _source(name, stage, Tokenizer, chosen.pop("tokenizer", None), before)
    for left in chosen:
        known = [kind.__name__.lower() for kind in (*stage.consumes, *there)] + ([MODEL] if stage.starts_from else [])
        raise unknown("input", left, known, typed=f"inputs.{name}.{left}")
    inner = {key: step for key, (step, *_) in inner_sections(name, where, section, catalog).items()}
    return Step(name, where, stage, section, sources, parts, inner)


def parts_of(stage: Stage, section: Any, catalog: Catalog) -> tuple[Part, ...]:
    """The parts that the sub-groups of *section* choose."""
    found = (catalog.part_for(getattr(section, group, None)) for group in stage.groups)
    return tuple(part for part in found if part is not None)


def check_record(step: Step, record: str) -> None:
    """Raise ``BelleError`` when *step* or its objective takes other examples than those that hold a *record* each."""
    takers: tuple[Stage | Part, ...] = (step.stage, *step.parts)
    for taker in takers:
        if taker.record and record not in taker.record:
            group = next((group for group in step.stage.groups if group == taker.kind), None)
            typed = f"{step.where}{f'/{group}' if group else ''}={taker.name}"
            takes = ", ".join(taker.record)
            raise BelleError(
                f"{typed} takes examples of the kind {takes}, and the data holds {record}",
                f"{typed} 需要的样本类型是 {takes}，而数据是 {record}",
            )


def _source(name: str, stage: Stage, kind: type[Artifact], choice: str | None, before: list[Step]) -> str:
    fitting = [step for step in before if issubclass(step.produces, kind)]
    if choice is not None:
        if choice not in [step.name for step in fitting]:
            raise unknown(
                "step", choice, [s.name for s in fitting], typed=f"inputs.{name}.{kind.__name__.lower()}={choice}"
            )
        return choice
    if not fitting:
        raise BelleError(
            f"{name} ({stage.title}) needs {kind.__name__}, and no step before it makes one",
            f"{name}（{stage.title}）需要 {kind.__name__}，但之前没有步骤生成它",
        )
    return fitting[-1].name


def _start(name: str, stage: Stage, parts: tuple[Part, ...], choice: str | None, before: list[Step]) -> Step | None:
    """The step whose model *stage* works on, ``None`` for the initial one; what its parts take for themselves is none."""
    own = tuple(kind for part in parts for kind in part.optional)
    models = [s for s in before if issubclass(s.produces, (Runnable, RewardModel)) and not issubclass(s.produces, own)]
    if choice == INITIAL or (choice is None and not models):
        return None
    if choice is not None and choice not in [step.name for step in models]:
        raise unknown("step", choice, [INITIAL, *(s.name for s in models)], typed=f"inputs.{name}.{MODEL}={choice}")
    found = next(step for step in reversed(models) if choice in (None, step.name))
    if not issubclass(found.produces, stage.starts_from):
        takes = ", ".join(kind.__name__ for kind in stage.starts_from)
        usable = [s.name for s in models if issubclass(s.produces, stage.starts_from)] + [INITIAL]
        raise BelleError(
            f"{name} ({stage.title}) cannot start from the {found.produces.__name__} of step {found.name}; it takes "
            f"{takes}. Say +inputs.{name}.{MODEL}={usable[-2] if len(usable) > 1 else INITIAL}, or move it before {found.name}",
            f"{name}（{stage.title}）不能从步骤 {found.name} 的 {found.produces.__name__} 开始；它接受 {takes}。"
            f"请写 +inputs.{name}.{MODEL}={usable[-2] if len(usable) > 1 else INITIAL}，或把它放到 {found.name} 之前",
        )
    return found
