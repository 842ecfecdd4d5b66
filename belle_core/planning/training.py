"""What a training step will take: examples, tokens, optimizer steps, memory, operations, time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from belle_core.artifacts import Adapter as AdapterArtifact
from belle_core.artifacts import Examples, RewardModel, Tokenizer
from belle_core.config import AUTO, UNKNOWN_BATCH, RunConfig, TrainConfig, TrainerConfig
from belle_core.planning.activations import Batch, blocks_reached
from belle_core.planning.architecture import Weight
from belle_core.planning.device import device_of
from belle_core.planning.fitting import Fits, Need, fits
from belle_core.planning.memory import Memory
from belle_core.planning.method import WIDTH, Method, Precision
from belle_core.planning.model import KnownModel
from belle_core.planning.rate import FORWARD, earlier_rate
from belle_core.planning.tokens import TokenCount, count_tokens
from belle_core.plugins import load_catalog
from belle_core.store import Store
from belle_core.strategies import processes_of, strategy_of
from belle_core.wiring import Step


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
    memory: Memory | None = None
    """Of one device."""
    batch: Batch | None = None
    sequences: int | None = None
    """``trainer.batch``, as chosen where it is ``auto``."""
    fits: Fits | None = None
    """What fits this machine."""
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
        return Training(parameters=known.model.parameters)
    count = _tokens(section, known)
    examples = known.figures.get("examples")
    tokens = count.tokens if count else known.figures.get("tokens")
    trained = _trained(step, known.model)
    trainable = None if trained is None else sum(weight.size for weight in trained)
    operations = _operations(section, known.model, trained, tokens)
    seconds, basis = _seconds(step, section, known, tokens, operations)
    need, device = _need(step, known, count, trained), device_of(known.config.trainer.accelerator)
    found = fits(need, device, known.config.trainer.devices) if need and device else None
    size = known.config.trainer.batch
    if size == AUTO:
        size = max(1, found.batch) if found else UNKNOWN_BATCH
    memory = need.share(size, device.program if device else 0).device if need else None
    return Training(
        examples=examples,
        tokens=tokens,
        learned=count.learned if count else None,
        counted=count.counted if count else None,
        dropped=count.dropped if count else None,
        optimizer_steps=optimizer_steps(count.examples if count else examples, section) if examples else None,
        parameters=known.model.parameters,
        trainable=trainable,
        memory=memory,
        batch=need.batch(size) if need else None,
        sequences=size,
        fits=found,
        operations=operations,
        seconds=seconds,
        basis=basis,
        bytes=_bytes(step, known, trainable),
        state_bytes=_state_bytes(step, known, memory, trainable),
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


def _trained(step: Step, model: KnownModel) -> list[Weight] | None:
    """What trains, as the method's options tell."""
    if model.architecture is None:
        return None
    trained: list[Weight] | None = step.section.trained(model.architecture)
    return trained


def _operations(
    section: TrainConfig, model: KnownModel, trained: list[Weight] | None, tokens: int | None
) -> float | None:
    """Floating-point operations: ``FORWARD`` for every weight, as much again where a gradient goes through or arrives."""
    if tokens is None or model.architecture is None or trained is None:
        return None
    parameters, updated = model.architecture.parameters, sum(weight.size for weight in trained)
    reached = blocks_reached(model.architecture, Method(trained)) / model.architecture.layers
    return float(FORWARD * (parameters + reached * parameters + updated) * tokens * section.epochs)


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


def _need(step: Step, known: Situation, count: TokenCount | None, trained: list[Weight] | None) -> Need | None:
    """The step's sizes: those of the largest step when all examples were counted, else the most that may be."""
    if known.model.architecture is None or trained is None:
        return None
    trainer, section, kinds = known.config.trainer, step.section, step.sources
    longest = min(section.max_length, known.config.model.context_length)
    method = method_of(section, trainer, trained, adapter=issubclass(step.stage.produces, AdapterArtifact))
    if method.answers and any(issubclass(kind, RewardModel) for kind in kinds) and not section.objective.reward_model:
        method = replace(method, copies=method.copies + 1)
    each = method.answers // section.batch or (count.sequences if count else 1)
    largest = section.batch * each * longest
    if trainer.packing and count and count.counted == known.figures.get("examples"):
        largest = count.step
    return Need(
        known.model.architecture,
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
    frozen = issubclass(step.stage.produces, AdapterArtifact)
    return Precision.of(known.config.trainer.precision, known.config.model.dtype, frozen=frozen)


def method_of(section: TrainConfig, trainer: TrainerConfig, trained: list[Weight], *, adapter: bool) -> Method:
    """What memory depends on, of the options *section*."""
    part = load_catalog().part_for(section.objective)
    objective = part.load()(section.objective) if part else None
    switched_off = adapter and getattr(section, "init", "zero") == "zero" and not getattr(section, "whole", [])
    reference = objective is not None and objective.keeps_start and not switched_off
    return Method(
        trained,
        adapter=adapter,
        bits=section.held_bits(),
        lean=trainer.fast,
        dropout=adapter and getattr(section, "dropout", 0.0) > 0,
        dora=adapter and getattr(section, "dora", False),
        logits=objective.logits if objective else "whole",
        averaged=section.ema > 0,
        copies=int(reference) + int(objective is not None and objective.asks_judge),
        answers=section.batch * objective.answers if objective else 0,
    )


def _bytes(step: Step, known: Situation, trainable: int | None) -> int | None:
    """An adapter as it trains, a model in the format that it is stored in."""
    if trainable is None:
        return None
    if not issubclass(step.produces, AdapterArtifact):
        return (known.model.parameters or trainable) * WIDTH[known.config.model.dtype]
    return trainable * _precision(step, known).trained


def _state_bytes(step: Step, known: Situation, memory: Memory | None, trainable: int | None) -> int | None:
    """What trains and what the optimizer keeps of it."""
    if trainable is None or memory is None:
        return None
    return trainable * _precision(step, known).trained + memory.optimizer
