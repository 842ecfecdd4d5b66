"""Muon for matrices beside AdamW for the rest, as one optimizer."""

from __future__ import annotations

from typing import Any

import torch

from belle_core.errors import BelleError
from belle_optimizers.config import MuonConfig


def muon(config: MuonConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Raises ``BelleError`` when PyTorch is older than Muon."""
    if not hasattr(torch.optim, "Muon"):
        raise BelleError(
            f"train/optimizer=muon needs PyTorch 2.9 or later; this is {torch.__version__}",
            f"train/optimizer=muon 需要 PyTorch 2.9 或更高版本；现在是 {torch.__version__}",
        )
    matrices = [group for group in groups if group["role"] == "matrix"]
    others = [group for group in groups if group["role"] != "matrix"]
    parts: list[torch.optim.Optimizer] = []
    if matrices:
        parts.append(
            torch.optim.Muon(
                matrices,
                momentum=config.momentum,
                nesterov=config.nesterov,
                ns_steps=config.iterations,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    if others:
        parts.append(torch.optim.AdamW(others, betas=(config.betas[0], config.betas[1]), fused=True))
    return parts[0] if len(parts) == 1 else Together(parts)


class Together(torch.optim.Optimizer):
    """Several optimizers, each with weights of its own, that step and are saved as one."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """The parts work on this optimizer's groups and state."""
        groups = list(self.param_groups)
        for part in self.parts:
            part.param_groups, groups = groups[: len(part.param_groups)], groups[len(part.param_groups) :]
            part.state = self.state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loading puts new groups and states in place."""
        super().load_state_dict(state_dict)
        self._share()

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of every part."""
        if closure is not None:
            with torch.enable_grad():
                closure()
        for part in self.parts:
            part.step()
