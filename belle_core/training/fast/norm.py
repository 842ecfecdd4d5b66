"""RMSNorm (arXiv 1910.07467) that keeps its input and one number per token, not copies in float32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class RmsNorm(torch.autograd.Function):
    """x / sqrt(mean(x²) + eps) · weight, computed in float32 as in transformers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype | None) -> Tensor:
        """``x``: (…, width). The result has the type that transformers gives, or *dtype*."""
        wide = x.to(_wide(x))
        inverse = torch.rsqrt(torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square_() / x.shape[-1] + eps)
        ctx.save_for_backward(x, weight, inverse)
        normal = (wide * inverse).to(x.dtype)
        return (normal * weight).to(dtype or torch.promote_types(x.dtype, weight.dtype))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients of ``x`` and ``weight``."""
        x, weight, inverse = ctx.saved_tensors
        wide, slope = x.to(_wide(x)), grad.to(_wide(x))
        by_weight = None
        if ctx.needs_input_grad[1]:
            by_weight = (wide * inverse).mul_(slope).flatten(0, -2).sum(0).to(weight.dtype)
        inner = slope * weight
        share = torch.linalg.vecdot(inner, wide)[..., None] * inverse.pow(3) / -x.shape[-1]
        return inner.mul_(inverse).addcmul_(wide, share).to(x.dtype), by_weight, None, None


def _wide(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
