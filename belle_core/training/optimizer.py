"""AdamW and the course of its learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

from belle_core.config import TrainConfig


def adamw(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW over the trainable weights; vectors (biases, norms) do not decay.

    A parameter may carry a ``rate_factor`` (LoRA+): its learning rate is that many times the run's.
    """
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for p in model.parameters():
        if p.requires_grad:
            groups.setdefault((p.ndim < 2, getattr(p, "rate_factor", 1.0)), []).append(p)
    parts = [
        {"params": params, "weight_decay": 0.0 if vectors else config.weight_decay, "rate_factor": factor}
        for (vectors, factor), params in sorted(groups.items(), key=lambda item: item[0])
    ]
    return torch.optim.AdamW(parts, lr=config.learning_rate, betas=(config.betas[0], config.betas[1]), fused=True)


def learning_rate(config: TrainConfig, step: int, total: int) -> float:
    """The rate of optimizer step *step* (from 0) of *total*: a linear rise from 0, then the schedule down to 0."""
    warmup = config.warmup if config.warmup >= 1 else math.ceil(config.warmup * total)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    share = (step - warmup) / max(1, total - warmup)
    shape = {"constant": 1.0, "linear": 1 - share, "cosine": 0.5 * (1 + math.cos(math.pi * share))}
    return config.learning_rate * shape[config.schedule]
