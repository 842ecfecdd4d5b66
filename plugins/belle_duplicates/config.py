"""Options of the filters that drop duplicates."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from belle_core.config import at_least, between, one_of, option
from belle_core.errors import Invalid


@dataclass
class NearConfig:
    """Drops examples that are nearly the same as one that is kept; white space, punctuation, case and width count for nothing."""

    by: str = "conversation"
    """What is compared: the whole ``conversation``, or the ``question`` (all turns before the last answer)."""
    threshold: float = 0.8
    """Least Jaccard index of the sets of n-grams (0.5 to 1)."""
    size: int = 5
    """Characters of an n-gram."""
    short: int = 32
    """Texts with fewer characters must be equal."""

    def __post_init__(self) -> None:
        one_of(self, "by", ("conversation", "question"))
        at_least(self, size=2, short=0)
        between(self, "threshold", 0.5, 1)


@dataclass
class SemanticConfig:
    """Drops examples that mean the same as one that is kept, by the vectors of an encoder."""

    model: str = option(MISSING, file=True)
    """Directory of an encoder in Hugging Face layout, such as a sentence embedding model; the mean of its last states is the vector."""
    by: str = "question"
    """What is compared: the ``question`` (all turns before the last answer), or the whole ``conversation``."""
    threshold: float = 0.95
    """Least cosine of two vectors (0 to 1); right for no encoder but your own: look at some pairs first."""
    all_pairs: int = 65536
    """Up to so many examples all pairs are compared; of more those that share a cell, 99 of 100 pairs at the threshold."""
    length: int = 512
    """Most tokens that are read of an example."""
    batch: int = option(32, identity=False)
    """Examples that are encoded together."""

    def __post_init__(self) -> None:
        one_of(self, "by", ("conversation", "question"))
        at_least(self, all_pairs=1, length=2, batch=1)
        if not 0 < self.threshold <= 1:
            raise Invalid(
                "threshold",
                f"must be above 0 and at most 1, got {self.threshold}",
                f"应大于 0 且不超过 1，现在是 {self.threshold}",
            )
