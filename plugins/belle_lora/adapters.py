"""Puts low-rank updates beside the layers of a model."""

from __future__ import annotations

from typing import Any

import torch
from peft import LoraConfig as PeftConfig
from peft import PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from belle_core.errors import BelleError
from belle_lora.config import LoraConfig

ALL = "all-linear"


def add_adapter(model: PreTrainedModel, config: LoraConfig, *, seed: int) -> PeftModel:
    """*model* frozen, with ``alpha / rank * B A`` beside each target; ``A`` is random by *seed*, ``B`` zero, or as
    ``config.init`` says.

    Raises ``BelleError`` for targets that do not exist or cannot be merged.
    """
    targets: Any = ALL if config.targets == [ALL] else list(config.targets)
    if targets != ALL:
        check_layers(model, "targets", targets)
    check_layers(model, "whole", config.whole)
    settings = PeftConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]
        lora_dropout=config.dropout,
        target_modules=targets,
        modules_to_save=config.whole or None,
        task_type="CAUSAL_LM",
        use_rslora=config.rslora,
        use_dora=config.dora,
        init_lora_weights="pissa" if config.init == "pissa" else True,
    )
    with torch.random.fork_rng(devices=[]), model.device:  # on the meta device when another process has the weights
        torch.manual_seed(seed)
        tuned: Any = get_peft_model(model, settings)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name or "lora_embedding_B" in name:
            parameter.rate_factor = config.b_ratio
    return tuned  # type: ignore[no-any-return]


@torch.no_grad()
def begin_with(model: PeftModel, updates: dict[str, tuple[Tensor, Tensor]]) -> None:
    """Let the update of every layer in *updates* that has one be ``B A`` at first, whatever it is scaled by."""
    for name, layer in model.get_base_model().named_modules():
        if name in updates and isinstance(layer, LoraLayer):
            a, b = updates[name]
            layer.lora_A["default"].weight.copy_(a)
            layer.lora_B["default"].weight.copy_(b / layer.scaling["default"])
    if updates:
        model.peft_config[
            "default"
        ].init_lora_weights = "loftq"  # switched off, it leaves another model than it began with


def check_layers(model: PreTrainedModel, option: str, targets: list[str]) -> None:
    """Raise ``BelleError`` for a name in *option* that is no layer, or a layer that shares its weights with another."""
    kinds = (nn.Linear, nn.Embedding, Conv1D)
    layers = {name for name, module in model.named_modules() if isinstance(module, kinds)}
    known = ", ".join(sorted({name.rsplit(".", 1)[-1] for name in layers}))
    unknown = [target for target in targets if not any(f".{name}".endswith(f".{target}") for name in layers)]
    if unknown:
        raise BelleError(
            f"train.{option}={unknown}: no such layer; this model has {known} ({ALL} takes all but the output)",
            f"train.{option}={unknown}：没有这样的层；该模型有 {known}（{ALL} 表示除输出层外的所有线性层）",
        )
    ends = {model.get_input_embeddings(), model.get_output_embeddings()}
    shared = [name for name, module in model.named_modules() if module in ends and name.rsplit(".", 1)[-1] in targets]
    if shared and model.config.tie_word_embeddings:
        raise BelleError(
            f"train.{option}={shared}: embedding and output share their weights in this model, so a change of one cannot be merged",
            f"train.{option}={shared}：该模型的词向量与输出层共享权重，只更新其中之一将无法合并",
        )
