"""What can be known before quantized training starts."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from belle_core.errors import BelleError
from belle_core.strategies import strategy_of
from belle_lora.config import QloraConfig


def check(config: QloraConfig, shared: dict[str, Any]) -> None:
    """Raise ``BelleError`` when bitsandbytes is not installed, or its blocks are to be divided."""
    if strategy_of(shared["trainer"]).family == "fsdp":
        raise BelleError(
            "train=qlora holds weights in blocks that trainer.strategy=fsdp cannot divide; say ddp or deepspeed_zero3",
            "train=qlora 以量化块保存权重，trainer.strategy=fsdp 无法切分；请使用 ddp 或 deepspeed_zero3",
        )
    if find_spec("bitsandbytes") is None:
        raise BelleError(
            'train=qlora needs the package bitsandbytes: pip install "belle[quantize]"',
            'train=qlora 需要软件包 bitsandbytes：pip install "belle[quantize]"',
        )
