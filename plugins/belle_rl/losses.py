"""Losses per token: the clipped gain of probability, the clipped error of values, the divergence from a reference."""

from __future__ import annotations

import torch
from torch import Tensor


def policy_losses(logps: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """``-min(q A, clip(q, 1 - e, 1 + e) A)`` with the ratio ``q = p / p_old`` (arXiv 1707.06347, equation 7), (tokens,)."""
    ratio = torch.exp(logps - old)
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)


def value_losses(values: Tensor, old: Tensor, returns: Tensor, clip: float) -> Tensor:
    """``max((V - R)^2, (V_old + clip(V - V_old, -e, e) - R)^2) / 2``, (tokens,)."""
    near = old + (values - old).clamp(-clip, clip)
    return torch.maximum((values - returns) ** 2, (near - returns) ** 2) / 2


def divergence(logps: Tensor, reference: Tensor) -> Tensor:
    """``p_ref / p - log(p_ref / p) - 1``, an estimate of KL(p, p_ref) without bias, at least 0 (arXiv 2402.03300,
    equation 4), (tokens,)."""
    difference = reference - logps
    return torch.exp(difference) - difference - 1
