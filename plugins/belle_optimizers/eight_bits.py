"""Optimizers of bitsandbytes, most with states in 8 bits."""

from __future__ import annotations

from typing import Any

import torch
from bitsandbytes import optim

from belle_core.training.optimizer import ELEMENTWISE
from belle_optimizers.config import Adamw8bitConfig, LionConfig
from belle_optimizers.whole import check_whole


def adamw8bit(config: Adamw8bitConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """AdamW with quantized averages, paged if wished."""
    check_whole("adamw8bit", groups)
    kind = optim.PagedAdamW8bit if config.paged else optim.AdamW8bit
    optimizer: torch.optim.Optimizer = kind(groups, betas=tuple(config.betas), eps=config.eps)
    return optimizer


def lion(config: LionConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Lion with its average in 32 or 8 bits."""
    check_whole("lion", groups)
    kind = optim.Lion8bit if config.bits == 8 else optim.Lion
    optimizer: torch.optim.Optimizer = kind(groups, betas=tuple(config.betas))
    setattr(optimizer, ELEMENTWISE, config.bits == 32)  # 8 bits have a scale for each block of a weight
    return optimizer
