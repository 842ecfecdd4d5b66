"""silu(gate) · up (arXiv 2002.05202) that keeps its two inputs and nothing else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class SwiGlu(torch.autograd.Function):
    """The product is made anew in the backward pass."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        """Both of one shape and type."""
        ctx.save_for_backward(gate, up)
        return functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Gradients of ``gate`` and ``up``."""
        gate, up = ctx.saved_tensors
        return torch.ops.aten.silu_backward(grad * up, gate), functional.silu(gate).mul_(grad)
