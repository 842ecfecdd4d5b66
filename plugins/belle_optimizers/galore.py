"""GaLore (arXiv 2403.03507, algorithm 2): Adam on the projection of a matrix's gradient; its states are as small.

The authors' package keeps Python objects in the optimizer's state, which could only be restored by unpickling.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from belle_optimizers.config import GaloreConfig


def galore(config: GaloreConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Weight groups with the role ``matrix`` are projected where they are wider than the rank."""
    return Galore(groups, config)


class Galore(torch.optim.Optimizer):
    """AdamW whose averages live in ``rank`` directions of each matrix's shorter side."""

    def __init__(self, groups: list[dict[str, Any]], config: GaloreConfig) -> None:
        self.config = config
        super().__init__(groups, {"lr": 1e-3, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update of every weight that has a gradient."""
        if closure is not None:
            with torch.enable_grad():
                closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, group)

    def _update(self, weight: Tensor, group: dict[str, Any]) -> None:
        state, gradient = self.state[weight], weight.grad
        projected = group["role"] == "matrix" and min(weight.shape) > self.config.rank
        step = state.get("step", 0)
        if projected:
            if step % self.config.gap == 0:
                state["basis"] = directions(gradient, self.config.rank)
            gradient = project(gradient, state["basis"])
        if step == 0:
            state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
        state["step"] = step + 1
        update = self._adam(state, gradient)
        if projected:
            update = self.config.scale * unproject(update, state["basis"], weight.shape)
        weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])

    def _adam(self, state: dict[str, Any], gradient: Tensor) -> Tensor:
        first, second = self.config.betas
        state["mean"].lerp_(gradient, 1 - first)
        state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        mean = state["mean"] / (1 - first ** state["step"])
        return mean / (state["square"].sqrt() / math.sqrt(1 - second ** state["step"]) + self.config.eps)


def directions(gradient: Tensor, rank: int) -> Tensor:
    """Largest singular directions of ``gradient`` (m, n) along its shorter side, (min(m, n), rank), orthonormal columns."""
    left, _, right = torch.linalg.svd(gradient.float(), full_matrices=False)
    chosen = right[:rank].T if gradient.shape[0] >= gradient.shape[1] else left[:, :rank]
    return chosen.to(gradient.dtype).contiguous()


def project(gradient: Tensor, basis: Tensor) -> Tensor:
    """(m, n) to (m, rank), or to (rank, n) where rows are fewer than columns."""
    return gradient @ basis if gradient.shape[0] >= gradient.shape[1] else basis.T @ gradient


def unproject(update: Tensor, basis: Tensor, shape: torch.Size) -> Tensor:
    """Back to (m, n)."""
    return update @ basis.T if shape[0] >= shape[1] else basis @ update
