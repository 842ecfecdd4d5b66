"""Products with the weights of linear layers: in float32 on CPUs by oneDNN, which on AMD's processors is twice as fast as MKL."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from belle_core.training.fast.contents import is_whole

LEAST = 1 << 17
"""Numbers of a weight with which that begins to pay."""


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + bias. ``x``: (tokens, in), ``weight``: (out, in), both of one type; either may be transposed."""
    if _by_onednn(x, weight):
        result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return result
    return functional.linear(x, weight, bias)


class Linear(torch.autograd.Function):
    """:func:`product` and its gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """``x``: (…, in), ``weight``: (out, in)."""
        flat = x.flatten(0, -2)
        ctx.save_for_backward(flat if ctx.needs_input_grad[1] else None, weight)
        return product(flat, weight, bias).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients of all three."""
        flat, weight = ctx.saved_tensors
        shape, grad = grad.shape, grad.flatten(0, -2)
        by_x = product(grad, weight.t()).view(*shape[:-1], -1) if ctx.needs_input_grad[0] else None
        by_weight = product(grad.t(), flat.t()) if ctx.needs_input_grad[1] else None
        return by_x, by_weight, grad.sum(0) if ctx.needs_input_grad[2] else None


def linear_forward(layer: Any, x: Tensor) -> Tensor | None:
    """What the linear *layer* makes of ``x`` in training; ``None`` where torch itself is as fast."""
    weight = layer.weight
    plain = torch.is_grad_enabled() and x.dtype == weight.dtype and is_whole(weight)
    if not plain or not _by_onednn(x, weight) or torch.is_autocast_enabled("cpu"):
        return None
    out: Tensor = Linear.apply(x, weight, layer.bias)
    return out


def _by_onednn(x: Tensor, weight: Tensor) -> bool:
    here = x.dtype == torch.float32 and x.device.type == "cpu" and torch.backends.mkldnn.is_available()
    return here and weight.numel() >= LEAST
