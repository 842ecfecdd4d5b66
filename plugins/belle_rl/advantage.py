"""How much better an answer, or a token of it, was than expected."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

SMALL = 1e-4
"""Keeps answers that are all alike from being divided by 0."""


def group_advantages(rewards: Tensor, group: int) -> Tensor:
    """``(r - mean) / std`` within each question's *group* neighbours (arXiv 2402.03300, section 4.1.2), (answers,)."""
    grouped = rewards.view(-1, group)
    centred = grouped - grouped.mean(1, keepdim=True)
    return (centred / (grouped.std(1, keepdim=True, unbiased=False) + SMALL)).flatten()


def generalized_advantages(rewards: Tensor, values: Tensor, rows: Tensor, *, gamma: float, lam: float) -> Tensor:
    """``A_t = d_t + gamma lam A_(t+1)`` with ``d_t = r_t + gamma V_(t+1) - V_t`` (arXiv 1506.02438, equation 16).

    All are (tokens,); neighbours with one number in *rows* are an answer, and after its end values and advantages are 0.
    """
    told, expected, owner = rewards.tolist(), values.tolist(), rows.tolist()
    advantages = [0.0] * len(told)
    for t in range(len(told) - 1, -1, -1):
        goes_on = t + 1 < len(told) and owner[t + 1] == owner[t]
        following, later = (expected[t + 1], advantages[t + 1]) if goes_on else (0.0, 0.0)
        advantages[t] = told[t] + gamma * following - expected[t] + gamma * lam * later
    return torch.tensor(advantages, dtype=rewards.dtype, device=rewards.device)


def moments(values: Tensor, total: Callable[[Tensor], Tensor]) -> tuple[float, Tensor, Tensor]:
    """How many *values* all processes have, their mean and their standard deviation; *total* is the sum over processes."""
    number, summed = total(torch.stack([values.new_tensor(len(values)), values.sum()]))
    mean = summed / number
    return float(number), mean, (total(((values - mean) ** 2).sum()) / number).sqrt()
