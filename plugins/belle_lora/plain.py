"""Which layers multiply by one matrix and add a bias, and nothing else, whatever their class is called."""

from __future__ import annotations

from copy import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D


def matrix_of(layer: Any) -> Tensor | None:
    """The weights (outputs, inputs) of a layer that computes what ``nn.Linear`` does, ``None`` for any other layer.

    GPT-2's ``Conv1D`` holds them the other way round; a class of its own, such as Falcon's, is tried out.
    """
    if type(layer) is Conv1D:
        return layer.weight.data.T
    if type(layer) is nn.Linear or (isinstance(layer, nn.Linear) and _multiplies(layer)):
        return layer.weight.data
    return None


@torch.no_grad()
def _multiplies(layer: nn.Linear) -> bool:
    """Whether a small layer of the same class does; *layer* itself may be large, or without content."""
    if set(layer._parameters) != {"weight", "bias"} or layer._buffers or layer._modules:
        return False
    weight = torch.linspace(-1, 1, 12, device="cpu").view(3, 4)
    bias = None if layer.bias is None else torch.linspace(2, 3, 3, device="cpu")
    x = torch.linspace(-2, 2, 8, device="cpu").view(1, 2, 4)
    small: Any = copy(layer)
    small.in_features, small.out_features = 4, 3
    small._parameters = {"weight": nn.Parameter(weight), "bias": None if bias is None else nn.Parameter(bias)}
    try:
        return torch.allclose(small(x), functional.linear(x, weight, bias))
    except Exception:  # a class of anybody's: one that cannot be tried is none that is known
        return False
