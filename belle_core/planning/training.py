"""What a training step will take: examples, tokens, optimizer steps, memory, operations, time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from belle_core.artifacts import Adapter as AdapterArtifact
from belle_core.artifacts import Examples, Tokenizer
from belle_core.config import RunConfig, TrainConfig
from belle_core.planning.memory import WIDTH, Adapter, Batch, Memory, Precision, training_memory
from belle_core.planning.model import KnownModel
from belle_core.planning.rate import ADAPTER, FULL, earlier_rate
from belle_core.planning.tokens import TokenCount, count_tokens
from belle_core.plugins import load_catalog
from belle_core.store import Store
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
    batch: Batch | None = None
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
    trainable = _trainable(step, known.model)
    operations = _operations(step, section, known.model, tokens)
    seconds, basis = _seconds(step, section, known, tokens, operations)
    batch = _batch(section, known, count, examples)
    return Training(
        examples=examples,
        tokens=tokens,
        learned=count.learned if count else None,
        counted=count.counted if count else None,
        dropped=count.dropped if count else None,
        optimizer_steps=optimizer_steps(count.examples if count else examples, section) if examples else None,
        parameters=known.model.parameters,
        trainable=trainable,
        memory=_memory(step, known, batch, trainable),
        batch=batch,
        operations=operations,
        seconds=seconds,
        basis=basis,
        bytes=_bytes(step, known, trainable),
        state_bytes=_state_bytes(step, known, trainable),
    )


def optimizer_steps(examples: int, section: TrainConfig) -> int:
    """Optimizer steps of a run: whole epochs in batches, the last one of an epoch may be smaller."""
    return max(1, math.ceil(round(section.epochs * math.ceil(examples / section.batch), 6)))


def _tokens(section: TrainConfig, known: Situation) -> TokenCount | None:
    if known.examples is None or known.tokenizer is None:
        return None
    template = load_catalog().part("template", known.config.model.template).load()
    length = min(section.max_length, known.config.model.context_length)
    return count_tokens(known.examples, known.tokenizer, template, length, section.objective)


def _trainable(step: Step, model: KnownModel) -> int | None:
    """All weights, or those of a low-rank update when the step makes an adapter with a rank and targets."""
    if model.architecture is None:
        return None
    if not issubclass(step.stage.produces, AdapterArtifact):
        return model.architecture.parameters
    rank, targets = getattr(step.section, "rank", None), getattr(step.section, "targets", None)
    return model.architecture.adapter(rank, list(targets)) if rank and targets else None


def _operations(step: Step, section: TrainConfig, model: KnownModel, tokens: int | None) -> float | None:
    if tokens is None or model.parameters is None:
        return None
    factor = ADAPTER if issubclass(step.stage.produces, AdapterArtifact) else FULL
    return float(factor * model.parameters * tokens * section.epochs)


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


def _batch(section: TrainConfig, known: Situation, count: TokenCount | None, examples: int | None) -> Batch:
    """The largest forward pass: as long as the longest example when all were seen, else as long as may be."""
    longest = min(section.max_length, known.config.model.context_length)
    if count and count.counted == examples:
        longest = min(longest, count.longest)
    sequences = min(known.config.trainer.batch, section.batch * (count.sequences if count else 1))
    learned = count.learned / count.tokens if count and count.tokens else 1.0
    return Batch(sequences, longest, known.config.trainer.gradient_checkpointing, learned)


def _precision(step: Step, known: Situation) -> Precision:
    frozen = issubclass(step.stage.produces, AdapterArtifact)
    return Precision.of(known.config.trainer.precision, known.config.model.dtype, frozen=frozen)


def _memory(step: Step, known: Situation, batch: Batch, trainable: int | None) -> Memory | None:
    if known.model.architecture is None or trainable is None:
        return None
    adapter = None
    if issubclass(step.stage.produces, AdapterArtifact):
        adapter = Adapter(step.section.rank, trainable)
    return training_memory(
        known.model.architecture, _precision(step, known), batch, adapter=adapter, bits=known.model.bits
    )


def _bytes(step: Step, known: Situation, trainable: int | None) -> int | None:
    """An adapter as it trains, a model in the format that it is stored in."""
    if trainable is None:
        return None
    if not issubclass(step.produces, AdapterArtifact):
        return (known.model.parameters or trainable) * WIDTH[known.config.model.dtype]
    return trainable * _precision(step, known).trained


def _state_bytes(step: Step, known: Situation, trainable: int | None) -> int | None:
    """What trains and the two averages of AdamW."""
    return None if trainable is None else 3 * trainable * _precision(step, known).trained
