"""Puts the faster pieces in the place of those layers that are exactly the known ones; everything else stays."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import Module

from belle_core.training.fast.lora import lora_forward
from belle_core.training.fast.norm import RmsNorm
from belle_core.training.fast.rotary import rotate
from belle_core.training.fast.swiglu import SwiGlu

ALIKE = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3"}
"""Families of transformers whose norm, MLP and rotary function are LLaMA's, line by line."""
SILU = ("SiLU", "SiLUActivation")
"""PyTorch's and transformers' classes of that function."""


@contextmanager
def faster(model: Any, *, wanted: bool = True) -> Iterator[None]:
    """Inside, known layers of *model* have their own backward pass; results are the same up to rounding."""
    with ExitStack() as undo:
        if wanted:
            for module in model.modules():
                if (forward := _forward_for(module)) is not None and "forward" not in vars(module):
                    module.forward = MethodType(forward, module)
                    undo.callback(delattr, module, "forward")
            for family in ALIKE:
                _replace_rotary(sys.modules.get(_path(family)), undo)
        yield


def _forward_for(module: Module) -> Any:
    kind = type(module)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name == "peft.tuners.lora.layer.Linear" and type(module.base_layer) is nn.Linear:
        return _lora
    for family, prefix in ALIKE.items():
        if name == f"{_path(family)}.{prefix}RMSNorm":
            return _norm
        if name == f"{_path(family)}.{prefix}MLP" and type(module.act_fn).__name__ in SILU:
            return _mlp
    return None


def _path(family: str) -> str:
    return f"transformers.models.{family}.modeling_{family}"


def _lora(self: Any, x: Tensor, *more: Any, **named: Any) -> Tensor:
    done = None if more or named else lora_forward(self, x)
    return type(self).forward(self, x, *more, **named) if done is None else done  # type: ignore[no-any-return]


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
