"""Adds weighted changes of several adapters to the layers that they belong to."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from peft.utils.other import ModulesToSaveWrapper
from torch import Tensor, nn


@torch.no_grad()
def add_up(model: PeftModel, weights: dict[str, float]) -> nn.Module:
    """The base of *model*, each tensor ``W`` with ``sum(weight * (W of the adapter - W))`` added; one layer at a time.

    *weights* are by the names of the adapters in *model*. The sum is taken in float32 and rounded once. Works for every
    kind of LoRA layer, because peft itself merges, and for layers that were trained whole (``modules_to_save``).
    """
    for module in list(model.modules()):
        if isinstance(module, LoraLayer):
            _add_updates(module, weights)
        elif isinstance(module, ModulesToSaveWrapper):
            _add_copies(module, weights)
    return model.base_model.unload()  # type: ignore[no-any-return, operator]


def _add_updates(layer: Any, weights: dict[str, float]) -> None:
    parameter: nn.Parameter = layer.get_base_layer().weight
    stored, base = parameter.data, parameter.data.float()
    total = base.clone()
    for name, weight in weights.items():
        if name in layer.lora_A or name in layer.lora_embedding_A:
            parameter.data = base.clone()
            layer.merge(adapter_names=[name])
            layer.merged_adapters.clear()
            total += weight * (parameter.data - base)
    parameter.data = total.to(stored.dtype)


def _add_copies(wrapper: Any, weights: dict[str, float]) -> None:
    """Every copy gets the sum, so that it does not matter which one takes the layer's place."""
    for name, base in wrapper.original_module.named_parameters():
        copies: dict[str, Tensor] = {
            adapter: copy.get_parameter(name) for adapter, copy in wrapper.modules_to_save.items()
        }
        total = base.float()
        for adapter, copy in copies.items():
            total = total + weights[adapter] * (copy.float() - base.float())
        for copy in (base, *copies.values()):
            copy.data = total.to(base.dtype)
