"""Trains an adapter; the base stays as it is."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from belle_core import StageContext
from belle_core.artifacts import Adapter, Model, RewardModel
from belle_core.language import say
from belle_core.training.fit import fit
from belle_core.training.floats import left_in_floats
from belle_core.training.heads import SCORE
from belle_core.training.loading import load_start
from belle_core.training.precision import weights_dtype
from belle_core.training.quiet import quiet
from belle_core.training.saving import save_adapter, save_trained, writes
from belle_lora.config import LoraConfig

TOLD = 0.001
"""Share of weights left in floats (a router's) below which nothing is said."""


def train(config: LoraConfig, context: StageContext) -> Adapter | RewardModel:
    """The adapter and where its base comes from. An adapter to start from is merged and becomes part of that base.

    Beside quantized weights (``QloraConfig``) the adapter's base is the float model, into which it is merged later.
    """
    setting = context.shared["trainer"].precision
    loaded = load_start(context, dtype=lambda stored: weights_dtype(setting, stored, frozen=True))
    parameters = loaded.parameters
    with quiet():  # peft announces what it lacks when it is imported
        model = config.prepared(loaded.model, context.shared["seed"])
        if context.rank == 0 and (share := left_in_floats(model) / parameters) > TOLD:
            print(say(f"      {share:.1%} of the weights stay in floats: their layers are no linear ones",
                      f"      {share:.1%} 的参数仍为浮点数：所在的层不是线性层"), flush=True)  # fmt: skip
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
