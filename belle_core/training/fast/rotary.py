"""Rotary positions (arXiv 2104.09864) in two passes over queries and keys, without turned copies."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Rotation(torch.autograd.Function):
    """Turns pairs of features, one from each half, by their angle; backward turns back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """``x``: (batch, heads, time, size); ``cos``, ``sin``: (batch, 1, time, size / 2)."""
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """The gradient of ``x``."""
        cos, sin = ctx.saved_tensors
        return _turned(grad, cos, sin, -1), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor, direction: int) -> Tensor:
    out = torch.empty_like(x)
    (first, second), (to_first, to_second) = x.chunk(2, -1), out.chunk(2, -1)
    torch.mul(first, cos, out=to_first).addcmul_(second, sin, value=-direction)
    torch.mul(second, cos, out=to_second).addcmul_(first, sin, value=direction)
    return out


def rotate(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> tuple[Tensor, Tensor]:
    """In the place of transformers' ``apply_rotary_pos_emb``; the angles of both halves are the same there."""
    half = q.shape[-1] // 2
    turn = [part[..., :half].unsqueeze(unsqueeze_dim).to(q.dtype) for part in (cos, sin)]
    turned: tuple[Tensor, Tensor] = Rotation.apply(q, *turn), Rotation.apply(k, *turn)
    return turned
