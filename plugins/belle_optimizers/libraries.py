"""Optimizers that PyTorch brings along."""

from __future__ import annotations

from typing import Any

import torch

from belle_core.training.optimizer import ELEMENTWISE
from belle_optimizers.config import AdafactorConfig, AdamwConfig
from belle_optimizers.whole import check_whole


def adamw(config: AdamwConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """AdamW in one pass over the memory."""
    optimizer = torch.optim.AdamW(groups, betas=(config.betas[0], config.betas[1]), eps=config.eps, fused=True)
    setattr(optimizer, ELEMENTWISE, True)
    return optimizer


def adafactor(config: AdafactorConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Adafactor without momentum."""
    check_whole("adafactor", groups)
    return torch.optim.Adafactor(groups, beta2_decay=config.beta2_decay, d=config.clip)
