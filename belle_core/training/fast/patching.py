"""Puts the faster pieces in the place of those layers that are exactly the known ones; everything else stays."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import Module

from belle_core.training.fast.frozen import packed_bytes, packs
from belle_core.training.fast.lora import is_plain
from belle_core.training.fast.norm import RmsNorm
from belle_core.training.fast.products import LEAST, linear_forward
from belle_core.training.fast.rotary import rotate
from belle_core.training.fast.siblings import Siblings
from belle_core.training.fast.swiglu import SwiGlu

ALIKE = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3"}
"""Families of transformers whose norm, MLP and rotary function are LLaMA's, line by line."""
SHARED = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Layers there that are given the same tensor."""
SILU = ("SiLU", "SiLUActivation")
"""PyTorch's and transformers' classes of that function."""


@contextmanager
def faster(model: Any, *, wanted: bool = True, processes: int = 1) -> Iterator[None]:
    """Inside, known layers of *model* have their own backward pass; results are the same up to rounding.

    *processes* like this one share the machine's memory.
    """
    with ExitStack() as undo:
        if wanted:
            undo.enter_context(packs(_frozen(model), processes))
            together = _siblings(model)
            for module in _layers(model):
                if (forward := _forward_for(module, together)) is not None and "forward" not in vars(module):
                    module.forward = MethodType(forward, module)
                    undo.callback(delattr, module, "forward")
            for family in ALIKE:
                _replace_rotary(sys.modules.get(_path(family)), undo)
        yield


def has_own_layers(model: Any) -> bool:
    """Whether the family is one of those whose norms and MLPs are replaced."""
    return any(_forward_for(module, {}) in (_norm, _mlp) for module in model.modules())


def laid_out(model: Any, processes: int = 1) -> int:
    """Bytes of the copies that each of *processes* makes of frozen weights inside :func:`faster`."""
    return packed_bytes(_frozen(model), processes)


def _frozen(model: Any) -> list[Tensor]:
    """Weights whose products are made with :func:`belle_core.training.fast.frozen.frozen`: under adapters, and for the loss."""
    adapted = [module.base_layer for module in model.modules() if _has_adapter(module) and is_plain(module)]
    output = model.get_output_embeddings()
    return [layer.weight for layer in (*adapted, output) if type(layer) is nn.Linear and not layer.weight.requires_grad]


def _layers(model: Any) -> list[Module]:
    """All but a plain output layer, whose products the loss makes in parts."""
    output = model.get_output_embeddings()
    return [module for module in model.modules() if module is not output or type(module) is not nn.Linear]


def _siblings(model: Any) -> dict[Module, Siblings]:
    """Layers with adapters that are given the same input, in families that are known to do so."""
    found: dict[Module, Siblings] = {}
    parents = {f"{_path(family)}.{prefix}{part}" for family, prefix in ALIKE.items() for part in ("Attention", "MLP")}
    for module in model.modules():
        if _name(module) in parents:
            for names in SHARED:
                layers: list[Any] = [
                    getattr(module, name) for name in names if _has_adapter(getattr(module, name, None))
                ]
                found |= dict.fromkeys(layers, Siblings(layers))
    return found


def _has_adapter(module: Any) -> bool:
    return _name(module) == "peft.tuners.lora.layer.Linear" and type(module.base_layer) is nn.Linear


def _name(module: Any) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"


def _forward_for(module: Module, together: dict[Module, Siblings]) -> Any:
    if type(module) is nn.Linear:
        return _linear if module.weight.numel() >= LEAST else None
    if _has_adapter(module):
        return partial(_lora, together.get(module) or Siblings([module]))
    name = _name(module)
    for family, prefix in ALIKE.items():
        if name == f"{_path(family)}.{prefix}RMSNorm":
            return _norm
        if name == f"{_path(family)}.{prefix}MLP" and type(module.act_fn).__name__ in SILU:
            return _mlp
    return None


def _path(family: str) -> str:
    return f"transformers.models.{family}.modeling_{family}"


def _lora(siblings: Siblings, self: Any, x: Tensor, *more: Any, **named: Any) -> Tensor:
    done = None if more or named else siblings.forward(self, x)
    return type(self).forward(self, x, *more, **named) if done is None else done  # type: ignore[no-any-return]


def _linear(self: Any, x: Tensor) -> Tensor:
    done = linear_forward(self, x)
    return type(self).forward(self, x) if done is None else done


def _norm(self: Any, hidden_states: Tensor) -> Tensor:
    kind = hidden_states.device.type
    narrow = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None  # linear layers follow
    return RmsNorm.apply(hidden_states, self.weight, self.variance_epsilon, narrow)  # type: ignore[no-any-return]


def _mlp(self: Any, x: Tensor) -> Tensor:
    return self.down_proj(SwiGlu.apply(self.gate_proj(x), self.up_proj(x)))  # type: ignore[no-any-return]


def _replace_rotary(module: Any, undo: ExitStack) -> None:
    if module is not None and module.apply_rotary_pos_emb is not rotate:
        undo.callback(setattr, module, "apply_rotary_pos_emb", module.apply_rotary_pos_emb)
        module.apply_rotary_pos_emb = rotate
