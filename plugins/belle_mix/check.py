"""What can be known before anything is read."""

from __future__ import annotations

from typing import Any

from belle_core.errors import BelleError
from belle_mix.config import MixConfig


def check(config: MixConfig, shared: dict[str, Any]) -> None:
    """Raise ``BelleError`` for a mix of nothing."""
    if not config.sources:
        raise BelleError(
            "data.sources holds no source; add some, for example +data@data.sources.mine=files data.sources.mine.path=my.jsonl",
            "data.sources 中没有来源；请添加，例如 +data@data.sources.mine=files data.sources.mine.path=my.jsonl",
        )
