"""What a training step will take: examples, tokens, optimizer steps, memory, operations, time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from belle_core.artifacts import Adapter as AdapterArtifact
from belle_core.artifacts import Examples, RewardModel, Tokenizer
from belle_core.config import AUTO, UNKNOWN_BATCH, RunConfig, TrainConfig
from belle_core.errors import BelleError
from belle_core.planning.device import device_of
from belle_core.planning.fitting import Fits, Need, fits
from belle_core.planning.memory import Memory
from belle_core.planning.method import WIDTH, Method, Precision
from belle_core.planning.model import KnownModel
from belle_core.planning.passes import Pass
from belle_core.planning.rate import FORWARD, earlier_rate
from belle_core.planning.tokens import TokenCount, count_tokens
from belle_core.plugins import load_catalog
from belle_core.store import Store
from belle_core.strategies import processes_of, strategy_of
from belle_core.wiring import Step

if TYPE_CHECKING:
    from belle_core.training.skeleton import Skeleton


@dataclass(frozen=True)
class Training:
    """Figures of one training step; ``None`` is what cannot be known before it runs."""

    examples: int | None = None
    tokens: int | None = None
    """Tokens of one epoch."""
    learned: int | None = None
    """Those of them that carry loss."""
    counted: int | None = None
    """Examples that were encoded to know it."""
    dropped: int | None = None
    """Examples that the limit of length leaves nothing to learn from."""
    optimizer_steps: int | None = None
    parameters: int | None = None
    trainable: int | None = None
    in_floats: float = 0.0
    """Share of the weights that are not quantized though others are, since their layers are no linear ones."""
    memory: Memory | None = None
    """Of one device."""
    batch: Pass | None = None
    sequences: int | None = None
    """``trainer.batch``, as chosen where it is ``auto``."""
    fits: Fits | None = None
    """What fits this machine."""
    why: str = ""
    """Why memory is not known, where it never will be."""
    operations: float | None = None
    """Floating-point operations of the whole step."""
    seconds: float | None = None
    basis: str = ""
    """Where ``seconds`` comes from: ``earlier <fingerprint>``, ``measured`` (a lower bound) or nothing."""
    bytes: int | None = None
    """Size of the weights that it writes."""
    state_bytes: int | None = None
    """Size of the state that it keeps to resume from, until it is done."""


@dataclass(frozen=True)
class Situation:
    """What is known when a training step is planned."""

    config: RunConfig
    store: Store
    model: KnownModel
    figures: dict[str, Any]
    """Figures of its examples."""
    examples: Examples | None
    tokenizer: Tokenizer | None
    matmul: float | None
    """Measured operations per second."""


def plan_training(step: Step, known: Situation) -> Training:
    """The figures of *step*; needs options of ``TrainConfig`` and leaves open what they do not tell."""
    section = step.section
    if not isinstance(section, TrainConfig):
        return Training()
    count = _tokens(section, known)
    examples = known.figures.get("examples")
    tokens = count.tokens if count else known.figures.get("tokens")
    begun = Training(
        examples=examples,
        tokens=tokens,
        learned=count.learned if count else None,
        counted=count.counted if count else None,
        dropped=count.dropped if count else None,
        optimizer_steps=optimizer_steps(count.examples if count else examples, section) if examples else None,
    )
    try:
        return _with_model(begun, step, known, count)
    except BelleError as error:
        seconds, basis = _seconds(step, section, known, tokens, None)
        return replace(begun, why=str(error), seconds=seconds, basis=basis)


def _with_model(begun: Training, step: Step, known: Situation, count: TokenCount | None) -> Training:
    """*begun*, and what follows from the model; raises ``BelleError`` when it cannot be built without its weights."""
    section, trainer = step.section, known.config.trainer
    skeleton = _skeleton(step, known)
    operations = _operations(section, skeleton, begun.tokens)
    seconds, basis = _seconds(step, section, known, begun.tokens, operations)
    if skeleton is None:
        return replace(begun, seconds=seconds, basis=basis)
    need, device = _need(step, known, count, skeleton), device_of(trainer.accelerator)
    found = fits(need, device, trainer.devices) if device else None
    size = trainer.batch
    if size == AUTO:
        size = max(1, found.batch) if found else UNKNOWN_BATCH
    memory = need.share(size, device).device
    return replace(
        begun,
        parameters=skeleton.parameters,
        trainable=skeleton.trainable,
        in_floats=skeleton.in_floats,
        memory=memory,
        batch=need.batch(size),
        sequences=size,
        fits=found,
        operations=operations,
        seconds=seconds,
        basis=basis,
        bytes=_bytes(step, known, skeleton),
        state_bytes=skeleton.trainable * _precision(step, known).trained + memory.optimizer,
    )


def optimizer_steps(examples: int, section: TrainConfig) -> int:
    """Optimizer steps of a run: whole epochs in batches, the last one of an epoch may be smaller."""
    return max(1, math.ceil(round(section.epochs * math.ceil(examples / section.batch), 6)))


def _tokens(section: TrainConfig, known: Situation) -> TokenCount | None:
    if known.examples is None or known.tokenizer is None:
        return None
    template = load_catalog().part("template", known.config.model.template).load()
    length = min(section.max_length, known.config.model.context_length)
    return count_tokens(
        known.examples, known.tokenizer, template, length, section.objective, section.batch, known.config.seed
    )


def _skeleton(step: Step, known: Situation) -> Skeleton | None:
    """The model as the step trains it, without its weights; ``None`` before it is known. Imports torch."""
    if known.model.values is None:
        return None
    from belle_core.training.skeleton import Skeleton, kind_of

    objective = _objective(step.section)
    return Skeleton(
        known.model.values,
        step.section,
        known.config.trainer,
        stored=known.config.model.dtype,
        frozen=_frozen(step),
        logits=objective.logits if objective else "whole",
        kind=kind_of(device_of(known.config.trainer.accelerator)),
    )


def _objective(section: TrainConfig) -> Any:
    """What computes the loss, ``None`` where no plugin offers it."""
    part = load_catalog().part_for(section.objective)
    return part.load()(section.objective) if part else None


def _frozen(step: Step) -> bool:
    return issubclass(step.stage.produces, AdapterArtifact)


def _operations(section: TrainConfig, skeleton: Skeleton | None, tokens: int | None) -> float | None:
    """Floating-point operations: ``FORWARD`` for every weight, as much again where a gradient goes through or arrives."""
    if tokens is None or skeleton is None:
        return None
    through = skeleton.parameters * (1 + skeleton.reached)
    return float(FORWARD * (through + skeleton.trainable) * tokens * section.epochs)


def _seconds(
    step: Step, section: TrainConfig, known: Situation, tokens: int | None, operations: float | None
) -> tuple[float | None, str]:
    if tokens is not None:
        earlier = earlier_rate(known.store, f"{step.stage.kind}/{step.stage.name}", known.model.section)
        if earlier:
            return tokens * section.epochs / earlier.tokens_per_second, f"earlier {earlier.fingerprint}"
    if operations is not None and known.matmul:
        devices = known.config.trainer.devices * known.config.trainer.nodes
        return operations / known.matmul / devices, "measured"
    return None, ""


def _need(step: Step, known: Situation, count: TokenCount | None, skeleton: Skeleton) -> Need:
    """The step's sizes: those of the largest step when all examples were counted, else the most that may be."""
    trainer, section, kinds = known.config.trainer, step.section, step.sources
    longest = min(section.max_length, known.config.model.context_length)
    method = method_of(section, skeleton)
    if method.answers and any(issubclass(kind, RewardModel) for kind in kinds) and not section.objective.reward_model:
        method = replace(method, copies=method.copies + 1)
    each = method.answers // section.batch or (count.sequences if count else 1)
    largest = section.batch * each * longest
    if trainer.packing and count and count.counted == known.figures.get("examples") and skeleton.packs(longest):
        largest = count.step
    return Need(
        skeleton,
        _precision(step, known),
        method,
        getattr(section.optimizer, "state_bytes", None),
        longest=longest,
        step=largest,
        learned=count.learned / count.tokens if count and count.tokens else 1.0,
        checkpointing=trainer.gradient_checkpointing,
        strategy=strategy_of(trainer),
        ranks=processes_of(trainer),
    )


def _precision(step: Step, known: Situation) -> Precision:
    return Precision.of(known.config.trainer.precision, known.config.model.dtype, frozen=_frozen(step))


def method_of(section: TrainConfig, skeleton: Skeleton) -> Method:
    """What memory depends on beside the model, of the options *section*."""
    objective = _objective(section)
    adapter = skeleton.adapter
    switched_off = adapter and getattr(section, "init", "zero") == "zero" and not getattr(section, "whole", [])
    reference = objective is not None and objective.keeps_start and not switched_off
    many = skeleton.quantized or getattr(section, "dropout", 0.0) > 0 or getattr(section, "dora", False)
    return Method(
        adapter=adapter,
        own_layers=skeleton.own_layers and not many,
        averaged=section.ema > 0,
        copies=int(reference) + int(objective is not None and objective.asks_judge),
        answers=section.batch * objective.answers if objective else 0,
    )


def _bytes(step: Step, known: Situation, skeleton: Skeleton) -> int:
    """An adapter as it trains, a model in the format that it is stored in."""
    if not issubclass(step.produces, AdapterArtifact):
        return skeleton.parameters * WIDTH[known.config.model.dtype]
    return skeleton.trainable * _precision(step, known).trained
