"""Freezes a model but for its end."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from belle_core.errors import BelleError
from belle_core.training.blocks import blocks_of
from belle_freeze.config import FreezeConfig


def freeze(model: PreTrainedModel, config: FreezeConfig) -> None:
    """Leave only what *config* names trainable; raises ``BelleError`` when the model has fewer layers."""
    found = blocks_of(model)
    if found is None:
        count, kind = model.config.num_hidden_layers, type(model).__name__
        raise BelleError(
            f"train=freeze finds no list of {count} layers in {kind}; say train=full or train=lora",
            f"train=freeze 在 {kind} 中找不到 {count} 层的列表；请改用 train=full 或 train=lora",
        )
    name, layers = found
    if config.layers > len(layers):
        raise BelleError(
            f"train.layers={config.layers}: this model has {len(layers)} layers",
            f"train.layers={config.layers}：该模型只有 {len(layers)} 层",
        )
    model.requires_grad_(False)
    trained: list[nn.Module] = list(layers)[-config.layers :]
    if config.norm:
        trained += norms_after(model, name)
    if config.head:
        trained.append(model.get_output_embeddings())
    for module in trained:
        module.requires_grad_(True)


def norms_after(model: PreTrainedModel, blocks: str) -> list[nn.Module]:
    """Norms that stand beside the list of layers and after it (BLOOM has another one before it)."""
    parent = model.get_submodule(blocks.rpartition(".")[0])
    names = [name for name, _ in parent.named_children()]
    after = names[names.index(blocks.rpartition(".")[2]) + 1 :]
    return [parent.get_submodule(name) for name in after if "norm" in name or name.startswith("ln")]
