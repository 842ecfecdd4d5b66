"""Trains the end of a model; an adapter to start from is merged first."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from belle_core import StageContext
from belle_core.artifacts import Model, RewardModel
from belle_core.errors import BelleError
from belle_core.training.fit import fit
from belle_core.training.loading import load_start
from belle_core.training.precision import weights_dtype
from belle_core.training.saving import save_trained
from belle_freeze.config import FreezeConfig


def train(config: FreezeConfig, context: StageContext) -> Model | RewardModel:
    """The tuned model, stored in the format that it had; what is frozen stays bit for bit."""
    setting = context.shared["trainer"].precision
    loaded = load_start(context, dtype=lambda stored: weights_dtype(setting, stored, frozen=False))
    freeze(loaded.model, config)
    metrics = fit(loaded.model, loaded, config, context)
    return save_trained(loaded, metrics, context.directory)


def freeze(model: PreTrainedModel, config: FreezeConfig) -> None:
    """Leave only what *config* names trainable; raises ``BelleError`` when the model has fewer layers."""
    name, layers = blocks_of(model)
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


def blocks_of(model: PreTrainedModel) -> tuple[str, nn.ModuleList]:
    """Name and list of the decoder's layers."""
    count = model.config.num_hidden_layers
    found = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.ModuleList) and len(m) == count]
    if not found:
        raise BelleError(
            f"train=freeze finds no list of {count} layers in {type(model).__name__}; say train=full or train=lora",
            f"train=freeze 在 {type(model).__name__} 中找不到 {count} 层的列表；请改用 train=full 或 train=lora",
        )
    return found[0]


def norms_after(model: PreTrainedModel, blocks: str) -> list[nn.Module]:
    """Norms that stand beside the list of layers and after it (BLOOM has another one before it)."""
    parent = model.get_submodule(blocks.rpartition(".")[0])
    names = [name for name, _ in parent.named_children()]
    after = names[names.index(blocks.rpartition(".")[2]) + 1 :]
    return [parent.get_submodule(name) for name in after if "norm" in name or name.startswith("ln")]
