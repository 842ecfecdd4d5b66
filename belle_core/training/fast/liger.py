"""Cross-entropy of an output layer by Liger's fused kernel (arXiv 2410.10989), where a GPU and the package are there."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor


def suits(hidden: Tensor) -> bool:
    """Whether the kernel can take it: it lies on a GPU, or Triton interprets kernels (``TRITON_INTERPRET=1``), for tests."""
    return (hidden.is_cuda or os.environ.get("TRITON_INTERPRET") == "1") and _installed()


@cache
def _installed() -> bool:
    return find_spec("liger_kernel") is not None and find_spec("triton") is not None


def label_losses(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of every label, (labels,) float32; *weight* may train. Logits are made again in the backward
    pass, a chunk at a time, since what comes from above is not known before. Shapes as in :mod:`belle_core.training.fast.loss`.
    """
    return _fused(hidden, weight, targets, "none")


def weighted_loss(hidden: Tensor, weight: Tensor, targets: Tensor, weights: Tensor, *, even: bool) -> Tensor:
    """The weighted sum of all losses; where all weigh the same (*even*), gradients are made along with it."""
    if even:
        return _fused(hidden, weight, targets, "sum") * weights[0]
    return (label_losses(hidden, weight, targets) * weights).sum()


def _fused(hidden: Tensor, weight: Tensor, targets: Tensor, reduction: str) -> Tensor:
    from liger_kernel.transformers.functional import liger_fused_linear_cross_entropy

    narrow = weight.to(hidden.dtype)
    loss: Tensor = liger_fused_linear_cross_entropy(
        hidden, narrow, targets, reduction=reduction, accum_dtype=torch.float32
    )
    return loss
