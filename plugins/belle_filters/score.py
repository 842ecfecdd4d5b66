"""A number that the data carries: a rating, a translation check, a reward."""

from __future__ import annotations

import math
from typing import Any

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_filters.config import ScoreConfig


class Score:
    """Reasons: ``low``, ``high``, ``missing``. The field is looked for in ``meta``, which holds what the source said."""

    repairs = False

    def __init__(self, config: ScoreConfig) -> None:
        self.config, self.path = config, config.field.split(".")

    def __call__(self, example: Example) -> Example | Drop:
        value = self._value(example.meta)
        if value is None:
            return Drop("missing", self.config.field) if self.config.missing == "drop" else example
        if self.config.min is not None and value < self.config.min:
            return Drop("low", f"{self.config.field}={value:g}")
        if self.config.max is not None and value > self.config.max:
            return Drop("high", f"{self.config.field}={value:g}")
        return example

    def _value(self, meta: Any) -> float | None:
        """The number at the field's place, also where it is written as text; ``None`` where there is none."""
        for name in self.path:
            meta = meta.get(name) if isinstance(meta, dict) else None
        try:
            value = None if meta is None or isinstance(meta, bool) else float(meta)
        except (TypeError, ValueError):
            return None
        return value if value is not None and math.isfinite(value) else None
