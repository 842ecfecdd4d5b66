"""Finds or makes the data and the tokenizer of a run, and picks the example."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from belle_core.api import Prepared, prepare
from belle_core.artifacts import Artifact, Examples, Runnable, Tokenizer
from belle_core.compose import compose_run
from belle_core.config import TrainConfig
from belle_core.conversation import Example
from belle_core.data import read_examples
from belle_core.encoding import Encoder
from belle_core.errors import BelleError
from belle_core.events import Event, StepStarted
from belle_core.generation.templates import template_of
from belle_core.names import unknown
from belle_core.notices import tell
from belle_core.pipeline import execute, preflight
from belle_core.tokenization import load_tokenizer
from belle_core.wiring import Step


@dataclass(frozen=True)
class Materials:
    """Everything that decides how one example is encoded."""

    example: Example
    split: str
    index: int
    count: int
    """Examples in the split; 0 for one that was typed."""
    encoder: Encoder
    tokenizer: Tokenizer
    max_length: int
    objective: Any
    """Options of the training objective, ``None`` when the run does not train."""


def gather(
    overrides: list[str], config_dir: str | None, step: str | None, split: str, index: int, own: Example | None
) -> Materials:
    """The materials of a run; raises ``BelleError`` when the run, the step, the split or the example does not exist."""
    prepared = prepare([*overrides, *_missing(overrides, config_dir)], config_dir)
    training = _training(prepared, step)
    data = _source(prepared, training, Examples)
    tokenizing = _source(prepared, training, Tokenizer)
    artifacts = _made(prepared, [s for s in (data, tokenizing) if s])
    if tokenizing is None or (data is None and own is None):
        raise BelleError(
            "there is nothing to look at: choose data and a tokenizer", "没有可查看的内容：请选择数据和分词器"
        )
    examples = artifacts[data.name] if data else None
    example, count = (own, 0) if own else _pick(examples, split, index)
    tokenizer = artifacts[tokenizing.name]
    assert isinstance(tokenizer, Tokenizer)
    model = prepared.config.model
    section = training.section if training and isinstance(training.section, TrainConfig) else None
    files = tokenizer.directory
    encoding = load_tokenizer(files)
    return Materials(
        example=example,
        split="" if own else split,
        index=index,
        count=count,
        encoder=Encoder(encoding, template_of(files, encoding, model.template)),
        tokenizer=tokenizer,
        max_length=min(model.context_length, section.max_length if section else model.context_length),
        objective=section.objective if section else None,
    )


def _missing(overrides: list[str], config_dir: str | None) -> list[str]:
    """A choice of data and tokenizer where the run has none of its own."""
    config = compose_run(overrides, config_dir).config
    chosen = {kind: config.model.implicit.get(kind) or config.implicit[kind] for kind in ("data", "tokenizer")}
    return [f"+{kind}={name}" for kind, name in chosen.items() if getattr(config, kind) is None]


def _training(prepared: Prepared, name: str | None) -> Step | None:
    """The training step of that name, else the first one."""
    found = {step.name: step for step in prepared.steps if step.stage.kind == "train"}
    if name is not None and name not in found:
        raise unknown("step", name, found, typed=f"--step {name}")
    return found[name] if name else next(iter(found.values()), None)


def _source(prepared: Prepared, training: Step | None, kind: type[Artifact]) -> Step | None:
    """The step that *training* gets *kind* from, by way of earlier models if need be; else the last that makes one."""
    steps = {step.name: step for step in prepared.steps}
    step = training
    while step is not None:
        if kind in step.sources:
            return steps[step.sources[kind]]
        step = next((steps[name] for k, name in step.sources.items() if issubclass(k, Runnable)), None)
    return next((s for s in reversed(prepared.steps) if issubclass(s.produces, kind)), None)


def _made(prepared: Prepared, wanted: list[Step]) -> dict[str, Artifact]:
    """The artifacts of these steps and of what they need, made where they are not in the store."""
    names = {step.name for step in wanted}
    for step in reversed(prepared.steps):
        if step.name in names:
            names |= set(step.sources.values())
    steps = [step for step in prepared.steps if step.name in names]
    preflight(steps, prepared.recipes, prepared.config, prepared.store)
    return execute(steps, prepared.recipes, prepared.config, prepared.store, _tell)


def _tell(event: Event) -> None:
    if isinstance(event, StepStarted):
        tell(f"making {event.title} …", f"正在生成 {event.title} …")


def _pick(examples: Artifact | None, split: str, index: int) -> tuple[Example, int]:
    assert isinstance(examples, Examples)
    if split not in examples.splits:
        raise unknown("split", split, examples.splits, typed=f"--split {split}")
    count = examples.splits[split]
    if index >= count:
        raise BelleError(
            f"--index {index}: {split} has {count} examples, the last is {count - 1}",
            f"--index {index}：{split} 共有 {count} 条样本，最后一条是 {count - 1}",
        )
    return next(islice(read_examples(examples, split), index, None)), count
