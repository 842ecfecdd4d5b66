"""Some optimizers need each weight as a whole on its device."""

from __future__ import annotations

from typing import Any

from torch.distributed.tensor import DTensor

from belle_core.errors import BelleError


def check_whole(name: str, groups: list[dict[str, Any]]) -> None:
    """Raise ``BelleError`` when the weights are divided among processes."""
    if any(isinstance(weight, DTensor) for group in groups for weight in group["params"]):
        raise BelleError(
            f"train/optimizer={name} cannot work on weights that are divided among processes; choose adamw, muon or galore, or trainer.strategy=ddp",
            f"train/optimizer={name} 不能用于在多个进程间切分的权重；请选择 adamw、muon 或 galore，或使用 trainer.strategy=ddp",
        )
