"""``trainer.batch=auto``: as many sequences to a pass as the device's memory is predicted to hold."""

from __future__ import annotations

from typing import Any

import psutil
import torch

from belle_core.config import AUTO, UNKNOWN_BATCH, TrainConfig, TrainerConfig
from belle_core.errors import BelleError
from belle_core.planning.device import Device, main_memory
from belle_core.planning.fitting import Need
from belle_core.planning.method import Precision
from belle_core.planning.training import method_of
from belle_core.strategies import processes_of, strategy_of
from belle_core.training.examples import EncodedExamples
from belle_core.training.objective import Objective
from belle_core.training.order import largest_step
from belle_core.training.skeleton import Skeleton, kind_of


def batch_of(
    settings: TrainerConfig,
    model: Any,
    stored: str,
    config: TrainConfig,
    objective: Objective,
    train: EncodedExamples,
    seed: int,
    packed: bool,
) -> int:
    """``trainer.batch``, which must come out alike on all processes; *stored* is the format of the model's file."""
    if settings.batch != AUTO:
        return int(settings.batch)
    device = this_device(settings)
    adapter = hasattr(model, "get_base_model")
    base = model.get_base_model() if adapter else model
    try:
        skeleton = Skeleton(
            base.config.to_dict(),
            config,
            settings,
            stored=stored,
            frozen=adapter,
            logits=objective.logits,
            kind=kind_of(device),
        )
        packed = packed and skeleton.packs(config.max_length)
        labels = sum(weight > 0 for weight in train.weights)
        need = Need(
            skeleton,
            Precision.of(settings.precision, stored, frozen=adapter),
            method_of(config, skeleton),
            getattr(config.optimizer, "state_bytes", None),
            longest=config.max_length,
            step=largest_step(train, config.batch, seed) if packed else config.batch * train.width * config.max_length,
            learned=labels / len(train.ids),
            checkpointing=settings.gradient_checkpointing,
            strategy=strategy_of(settings),
            ranks=processes_of(settings),
        )
        return max(1, need.largest(device, settings.devices)) if device else UNKNOWN_BATCH
    except BelleError:  # what cannot be predicted
        return UNKNOWN_BATCH


def this_device(settings: TrainerConfig) -> Device | None:
    """The device at hand, with what is free of its memory, or alike on all processes what it has."""
    alone = processes_of(settings) == 1
    if settings.accelerator in ("auto", "cuda", "gpu") and torch.cuda.is_available():
        sizes = [torch.cuda.get_device_properties(n).total_memory for n in range(torch.cuda.device_count())]
        return Device(
            "cuda", torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() if alone else min(sizes), len(sizes)
        )
    memory = main_memory()
    if memory and alone:
        memory = min(memory, psutil.virtual_memory().available + psutil.Process().memory_info().rss)
    return Device("cpu", memory) if memory else None
