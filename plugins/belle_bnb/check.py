"""What can be known before the quantization starts."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from belle_bnb.config import BnbConfig
from belle_core.errors import BelleError


def check(config: BnbConfig, shared: dict[str, Any]) -> None:
    """Raise ``BelleError`` when bitsandbytes is not installed."""
    if find_spec("bitsandbytes") is None:
        raise BelleError(
            'quantize=bnb needs the package bitsandbytes: pip install "belle[quantize]"',
            'quantize=bnb 需要软件包 bitsandbytes：pip install "belle[quantize]"',
        )
