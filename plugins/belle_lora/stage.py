"""Trains an adapter; the base stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from belle_core import StageContext
from belle_core.artifacts import Adapter, Model, RewardModel
from belle_core.training.fit import fit
from belle_core.training.heads import SCORE
from belle_core.training.loading import load_start
from belle_core.training.precision import weights_dtype
from belle_core.training.quiet import quiet
from belle_core.training.saving import save_adapter, save_trained, writes
from belle_lora.config import LoraConfig, QloraConfig


def train(config: LoraConfig, context: StageContext) -> Adapter | RewardModel:
    """The adapter and where its base comes from. An adapter to start from is merged and becomes part of that base."""
    return _tune(config, context, lambda model: {})


def train_quantized(config: QloraConfig, context: StageContext) -> Adapter | RewardModel:
    """The same beside quantized weights; the adapter's base is the float model, into which it is merged later."""
    with quiet():  # bitsandbytes tells what else could be installed
        from belle_lora.quantized import quantize

    return _tune(config, context, lambda model: quantize(model, config))


def _tune(
    config: LoraConfig, context: StageContext, ready: Callable[[PreTrainedModel], dict[str, Any]]
) -> Adapter | RewardModel:
    setting = context.shared["trainer"].precision
    loaded = load_start(context, dtype=lambda stored: weights_dtype(setting, stored, frozen=True))
    parameters = loaded.parameters
    with quiet():  # peft announces what it lacks when it is imported
        from belle_lora.adapters import add_adapter, begin_with

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.shared["seed"])
            updates = ready(loaded.model)
        model = add_adapter(loaded.model, config, seed=context.shared["seed"])
        begin_with(model, updates)
        moved = {}
        if (
            config.init != "zero" and context.rank == 0
        ):  # to state the change of the base as it is stored, what it began with is needed
            model.save_pretrained(str(context.scratch / "initial"))
            moved["path_initial_model_for_weight_conversion"] = str(context.scratch / "initial")
    metrics = fit(model, loaded, config, context)
    if (head := getattr(model, SCORE, None)) is not None:
        delattr(model, SCORE)
        if not writes():
            return RewardModel(directory=context.directory, parameters=parameters, metrics=metrics)
        save_adapter(model, loaded, context.scratch / "adapter", **moved)
        return _scored(head, metrics, context)
    save_adapter(model, loaded, context.directory, **moved)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return Adapter(
        directory=context.directory, parameters=parameters, metrics=metrics, base=loaded.origin, trainable=trainable
    )


def _scored(head: nn.Module, metrics: dict[str, float], context: StageContext) -> Model | RewardModel:
    """A reward model is whole: what trained is merged into the model that the step started from, in its floats."""
    from peft import PeftModel

    base = load_start(context)
    with quiet():
        merged = PeftModel.from_pretrained(base.model, str(context.scratch / "adapter")).merge_and_unload()
    setattr(merged, SCORE, head)
    return save_trained(replace(base, model=merged), metrics, context.directory)
