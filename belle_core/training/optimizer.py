"""Groups of weights, the optimizer that a run names, and the course of its learning rate."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from belle_core.config import TrainConfig
from belle_core.plugins import load_catalog

DEFAULT = "adamw"
ELEMENTWISE = "elementwise"
"""Attribute of an optimizer that treats every number by itself, whatever tensor it is in: ZeRO can cut up what it works on."""


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer whose options ``config.optimizer`` holds; AdamW for a stage that leaves no choice.

    An optimizer is a part: ``function(options, groups) -> torch.optim.Optimizer``, *groups* as :func:`weight_groups`.
    """
    catalog = load_catalog()
    part = catalog.part_for(config.optimizer) or catalog.part("optimizer", DEFAULT)
    assert part.config is not None
    options = part.config() if config.optimizer is None else config.optimizer
    optimizer: torch.optim.Optimizer = part.load()(options, weight_groups(model, config))
    return optimizer


def weight_groups(model: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """The trainable weights as PyTorch's parameter groups, each with its ``lr`` and ``weight_decay``.

    ``role`` is ``vector`` (biases, norms: they do not decay), ``embedding`` (a row per token, the output layer's too),
    ``matrix`` or ``tensor`` (more than two dimensions). A parameter may carry a ``rate_factor`` (LoRA+): its learning
    rate is that many times the run's.
    """
    tables = {id(p) for p in _tables(model)}
    groups: dict[tuple[str, float], list[nn.Parameter]] = {}
    for p in model.parameters():
        if p.requires_grad:
            dimensions = len(getattr(p, "ds_shape", p.shape))  # DeepSpeed's name for the shape of what it has divided
            role = "embedding" if id(p) in tables else {0: "vector", 1: "vector", 2: "matrix"}.get(dimensions, "tensor")
            groups.setdefault((role, getattr(p, "rate_factor", 1.0)), []).append(p)
    return [
        {
            "params": params,
            "role": role,
            "lr": config.learning_rate * factor,
            "rate_factor": factor,
            "weight_decay": decay_of(role, config),
        }
        for (role, factor), params in sorted(groups.items(), key=lambda item: item[0])
    ]


def decay_of(role: str, config: TrainConfig) -> float:
    """The weight decay of weights of that *role*."""
    return 0.0 if role == "vector" else config.weight_decay


def _tables(model: nn.Module) -> list[nn.Parameter]:
    """Weights with a row per token."""
    tables = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    output = getattr(model, "get_output_embeddings", lambda: None)()
    return [*tables, *(output.parameters() if output is not None else ())]


def learning_rate(config: TrainConfig, step: int, total: int) -> float:
    """The rate of optimizer step *step* (from 0) of *total*: a linear rise from 0, then the schedule down to its floor."""
    warmup = _steps(config.warmup, total)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    share = (step - warmup) / max(1, total - warmup)
    falling = max(1, min(_steps(config.decay, total), total - warmup))  # from the top, however long
    shape = {
        "constant": lambda: 1.0,
        "linear": lambda: 1 - share,
        "cosine": lambda: 0.5 * (1 + math.cos(math.pi * share)),
        "wsd": lambda: 1 - math.sqrt(max(0.0, 1 - (total - step) / falling)),
    }[config.schedule]()
    return config.learning_rate * (config.floor + (1 - config.floor) * shape)


def _steps(amount: float, total: int) -> int:
    """A number of steps, or below 1 a share of all."""
    return int(amount) if amount >= 1 else math.ceil(amount * total)
