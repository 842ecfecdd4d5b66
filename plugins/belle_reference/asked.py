"""Where the questions of ``eval=reference`` stand."""

from __future__ import annotations

from typing import Any

from belle_core.data.splits import held_out
from belle_reference.config import ReferenceConfig


def files(config: ReferenceConfig, data: Any) -> list[str]:
    """The file of the split that is asked, where it is one: a part taken out of the data is none."""
    path = held_out(config.split, str(getattr(data, config.split, "0") or "0")).path
    return [path] if path else []
