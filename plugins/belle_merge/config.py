"""Options of ``train=merge``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from belle_core.config import option
from belle_core.errors import Invalid


@dataclass
class MergeConfig:
    """The base of the adapters, plus each one's change times its weight. Nothing is trained."""

    adapters: Any = option(MISSING, artifact=True)  # a typed mapping would take no new keys on the command line
    """Weight of each adapter, by run, ``run/step``, fingerprint or directory, e.g. ``{chat: 0.7, math: 0.3}``."""

    def __post_init__(self) -> None:
        if self.adapters == MISSING:
            return
        if not isinstance(self.adapters, dict) or not self.adapters:
            raise Invalid(
                "adapters",
                f"must be a mapping of adapters to weights, such as {{chat: 0.7, math: 0.3}}, got {self.adapters}",
                f"应为从适配器到权重的映射，例如 {{chat: 0.7, math: 0.3}}，现在是 {self.adapters}",
            )
        for name, weight in self.adapters.items():
            if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
                raise Invalid(
                    "adapters",
                    f"has the weight {weight} for {name}; it must be a number",
                    f"中 {name} 的权重是 {weight}，必须是数",
                )
        self.adapters = {str(name): float(weight) for name, weight in self.adapters.items()}
