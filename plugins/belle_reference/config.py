"""Options of ``eval=reference``."""

from __future__ import annotations

from dataclasses import dataclass, field

from belle_core.config import at_least, one_of, option
from belle_core.errors import Invalid

METRICS = ("exact", "numeric", "rouge_l", "chrf")


@dataclass
class ReferenceConfig:
    """Lets the model answer a split and compares with the answers that are there."""

    split: str = "test"
    """Examples to answer: ``test``, ``dev`` or ``train``."""
    metrics: list[str] = field(default_factory=lambda: list(METRICS))
    """Figures to compute: ``exact`` (always among them), ``numeric``, ``rouge_l``, ``chrf``."""
    max_new_tokens: int = 64
    """Longest answer, in tokens; longer ones are cut, and counted."""
    temperature: float = 0.0
    """0 takes the likeliest token; BELLE's papers use 0.001."""
    seed: int = 0
    """Seed of the sampling; without effect at temperature 0."""
    batch: int = option(64, identity=False)
    """Questions answered at a time."""

    def __post_init__(self) -> None:
        at_least(self, max_new_tokens=1, temperature=0, batch=1)
        one_of(self, "split", ("test", "dev", "train"))
        known = ", ".join(METRICS)
        for name in self.metrics:
            if name not in METRICS:
                raise Invalid("metrics", f"knows {known}; got {name!r}", f"只支持 {known}，现在是 {name!r}")
        if "exact" not in self.metrics:
            raise Invalid("metrics", "must hold exact", "必须包含 exact")
