"""A frozen linear layer and the low-rank update beside it (arXiv 2106.09685) as one function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from belle_core.training.fast.contents import is_whole


class LoraLinear(torch.autograd.Function):
    """x Wᵀ + bias + scale · (x Aᵀ) Bᵀ. Sums are made in place; W has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        """``x``: (…, in), ``weight``: (out, in), ``a``: (rank, in), ``b``: (out, rank); all but a and b of one type."""
        flat, types = x.flatten(0, -2), (a.dtype, b.dtype)
        a, b = a.to(x.dtype), b.to(x.dtype)
        inner = flat @ a.t()
        ctx.save_for_backward(flat, weight, a, b, inner)
        ctx.scale, ctx.types = scale, types
        out = functional.linear(flat, weight, bias).addmm_(inner, b.t(), alpha=scale)
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients of ``x``, ``a`` and ``b``."""
        flat, weight, a, b, inner = ctx.saved_tensors
        shape, grad = grad.shape, grad.flatten(0, -2)
        by_inner = (grad @ b).mul_(ctx.scale)
        by_x = None
        if ctx.needs_input_grad[0]:
            by_x = (grad @ weight).addmm_(by_inner, a).view(*shape[:-1], -1)
        by_a = (by_inner.t() @ flat).to(ctx.types[0])
        by_b = (grad.t() @ inner).mul_(ctx.scale).to(ctx.types[1])
        return by_x, None, None, by_a, by_b, None


def lora_forward(layer: Any, x: Tensor) -> Tensor | None:
    """What peft's linear *layer* makes of ``x``; ``None`` where it does more than :class:`LoraLinear`."""
    active = layer.active_adapters
    if layer.disable_adapters or layer.merged or len(active) != 1 or active[0] not in layer.lora_A:
        return None
    name, base = active[0], layer.base_layer
    dropout = layer.lora_dropout[name]
    if name in layer.lora_variant or (layer.training and getattr(dropout, "p", 0.0) > 0) or base.weight.requires_grad:
        return None
    first, second = layer.lora_A[name], layer.lora_B[name]
    if first.bias is not None or second.bias is not None or (base.bias is not None and base.bias.requires_grad):
        return None
    weight, bias = base.weight, base.bias
    if not is_whole(weight):
        return None  # only the layer's own call brings it together
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    elif x.dtype != weight.dtype:
        return None
    out: Tensor = LoraLinear.apply(x, weight, bias, first.weight, second.weight, layer.scaling[name])
    return out
