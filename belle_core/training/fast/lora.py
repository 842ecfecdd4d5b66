"""Frozen linear layers that share their input, and the low-rank updates beside them (arXiv 2106.09685), as one function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from belle_core.training.fast.contents import is_whole
from belle_core.training.fast.frozen import Frozen, frozen


class LoraLinear(torch.autograd.Function):
    """x Wᵀ + bias + scale · (x Aᵀ) Bᵀ for each layer. Sums are made in place; W has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layers: Sequence[tuple[Frozen, Tensor | None, float]], *factors: Tensor) -> Any:
        """``x``: (…, in), ``layers``: weight (out, in), bias and scale, ``factors``: for each A (rank, in) and B (out, rank)."""
        flat = x.flatten(0, -2)
        narrow = [factor.to(x.dtype) for factor in factors]
        ctx.ranks, ctx.types = [len(a) for a in factors[::2]], [factor.dtype for factor in factors]
        ctx.layers, down, ups = layers, _one(narrow[::2], 0), narrow[1::2]
        inner = flat @ down.t()
        ctx.save_for_backward(flat, down, inner, *ups)
        outs = []
        for (weight, bias, scale), part, up in zip(layers, inner.split(ctx.ranks, 1), ups, strict=True):
            outs.append(weight.ahead(flat, bias).addmm_(part, up.t(), alpha=scale).view(*x.shape[:-1], -1))
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients of ``x`` and of the factors."""
        flat, down, inner, *ups = ctx.saved_tensors
        by_inner, by_up, by_x = [], [], None
        for (weight, _, scale), grad, part, up in zip(ctx.layers, grads, inner.split(ctx.ranks, 1), ups, strict=True):
            slope = grad.flatten(0, -2)
            by_inner.append((slope @ up).mul_(scale))
            by_up.append((part.t() @ slope).t().mul(scale))
            if ctx.needs_input_grad[0]:
                by_x = weight.back(slope, by_x)
        all_inner = _one(by_inner, 1)
        if by_x is not None:
            by_x = by_x.addmm_(all_inner, down).view(*grads[0].shape[:-1], -1)
        by_down = (all_inner.t() @ flat).split(ctx.ranks)
        factors = [factor for pair in zip(by_down, by_up, strict=True) for factor in pair]
        return by_x, None, *(factor.to(dtype) for factor, dtype in zip(factors, ctx.types, strict=True))


def _one(parts: list[Tensor], dim: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim)


def lora_forward(layers: Sequence[Any], x: Tensor) -> tuple[Tensor, ...] | None:
    """What peft's linear *layers* make of ``x``; ``None`` where one does more than :class:`LoraLinear`."""
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        x = x.to(torch.get_autocast_dtype(kind))
    elif any(x.dtype != layer.base_layer.weight.dtype for layer in layers):
        return None
    known = [_parts(layer, x.dtype) for layer in layers]
    if None in known:
        return None
    parts = [part for part in known if part is not None]
    out: tuple[Tensor, ...] = LoraLinear.apply(
        x, [part[0] for part in parts], *(factor for part in parts for factor in part[1])
    )
    return out


def is_plain(layer: Any) -> bool:
    """Whether peft's linear *layer* makes in training what :class:`LoraLinear` does, and no more."""
    active = layer.active_adapters
    if layer.disable_adapters or layer.merged or len(active) != 1 or active[0] not in layer.lora_A:
        return False
    name, base = active[0], layer.base_layer
    if name in layer.lora_variant or base.weight.requires_grad or (base.bias is not None and base.bias.requires_grad):
        return False
    if layer.lora_A[name].bias is not None or layer.lora_B[name].bias is not None:
        return False
    dropout = layer.lora_dropout[name]
    return not (layer.training and getattr(dropout, "p", 0.0) > 0)


def _parts(layer: Any, dtype: torch.dtype) -> tuple[tuple[Frozen, Tensor | None, float], tuple[Tensor, Tensor]] | None:
    base = layer.base_layer
    if not (is_plain(layer) and is_whole(base.weight)):
        return None  # only the layer's own call brings a divided weight together
    name = layer.active_adapters[0]
    bias = None if base.bias is None else base.bias.to(dtype)
    factors = layer.lora_A[name].weight, layer.lora_B[name].weight
    return (frozen(base.weight, dtype), bias, layer.scaling[name]), factors
