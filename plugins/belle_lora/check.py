"""What can be known before quantized training starts."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from belle_core.errors import BelleError
from belle_lora.config import QloraConfig


def check(config: QloraConfig, shared: dict[str, Any]) -> None:
    """Raise ``BelleError`` when bitsandbytes is not installed."""
    if find_spec("bitsandbytes") is None:
        raise BelleError(
            'train=qlora needs the package bitsandbytes: pip install "belle[quantize]"',
            'train=qlora 需要软件包 bitsandbytes：pip install "belle[quantize]"',
        )
