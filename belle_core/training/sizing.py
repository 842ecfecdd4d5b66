"""``trainer.batch``: with ``auto`` as many sequences to a pass as the device's memory is predicted to hold; a word where that is too little."""

from __future__ import annotations

from typing import Any

import psutil
import torch

from belle_core.config import AUTO, UNKNOWN_BATCH, TrainConfig, TrainerConfig
from belle_core.console import size_text
from belle_core.errors import BelleError
from belle_core.notices import tell
from belle_core.planning.device import Device, main_memory
from belle_core.planning.fitting import Need
from belle_core.planning.method import Precision
from belle_core.planning.training import method_of
from belle_core.strategies import processes_of, strategy_of
from belle_core.training.examples import EncodedExamples
from belle_core.training.objective import Objective
from belle_core.training.order import largest_step
from belle_core.training.saving import writes
from belle_core.training.skeleton import Skeleton, kind_of

LARGE = 0.01
"""Share of the memory that the weights alone must take before it is asked whether training with them fits."""


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
    """``trainer.batch``, which must come out alike on all processes; *stored* is the format of the model's file. Where it is given
    and the device is predicted to have too little memory for it, that is said before the system ends the run without a word."""
    device, given = this_device(settings), None if settings.batch == AUTO else int(settings.batch)
    if device is None or (given and not (writes() and _large(model, device))):
        return given or UNKNOWN_BATCH
    try:
        adapter = hasattr(model, "get_base_model")
        skeleton = Skeleton(
            (model.get_base_model() if adapter else model).config.to_dict(),
            config,
            settings,
            stored=stored,
            frozen=adapter,
            logits=objective.logits,
            kind=kind_of(device),
        )
        longest = int(train.lengths.max()) if given and not packed else config.max_length
        packs = packed and skeleton.packs(config.max_length)
        need = Need(
            skeleton,
            Precision.of(settings.precision, stored, frozen=adapter),
            method_of(config, skeleton),
            getattr(config.optimizer, "state_bytes", None),
            longest=longest,
            step=largest_step(train, config.batch, seed) if packs else config.batch * train.width * longest,
            learned=sum(weight > 0 for weight in train.weights) / len(train.ids),
            checkpointing=settings.gradient_checkpointing,
            strategy=strategy_of(settings),
            ranks=processes_of(settings),
        )
        if given is None:
            return max(1, need.largest(device, settings.devices))
        _warn(need.share(given, device).device.total, device, settings.devices)
    except BelleError:  # what cannot be predicted
        pass
    return given or UNKNOWN_BATCH


def _large(model: Any, device: Device) -> bool:
    """Whether its training could be too large for the device at all; counting takes half a second."""
    return sum(weight.numel() * weight.element_size() for weight in model.parameters()) > device.memory * LARGE


def _warn(needed: int, device: Device, processes: int) -> None:
    free = device.memory // (1 if device.kind == "cuda" else processes)
    if needed > free:
        tell(
            f"this training is predicted to need {size_text(needed)} of memory, and {size_text(free)} are free: it may be ended "
            "without a word; `belle plan` with the same options says what takes it and what would fit",
            f"预计本次训练需要 {size_text(needed)} 内存，而可用的只有 {size_text(free)}，可能会被系统直接终止；"
            "用同样的选项执行 `belle plan` 可查看各项占用和可行的设置",
        )


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
