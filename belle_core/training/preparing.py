"""Makes a model ready for the training loop."""

from __future__ import annotations

from typing import Any

import torch

from belle_core.config import TrainerConfig
from belle_core.training.quiet import quiet


def prepare(model: Any, settings: TrainerConfig, precision: str) -> None:
    """Training mode, recomputation, and no needless conversions."""
    model.train()
    if settings.gradient_checkpointing:
        with quiet():
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if precision == "bf16-true":
        model.to(torch.bfloat16)
    elif precision == "bf16-mixed":
        for module in model.modules():
            if hasattr(module, "cast_input_dtype_enabled"):
                module.cast_input_dtype_enabled = False  # peft would go through float32; autocast converts where needed
