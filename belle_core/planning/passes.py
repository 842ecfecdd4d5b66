"""The largest forward pass of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pass:
    """A forward pass and its backward pass."""

    tokens: int
    """With padding, where there is any."""
    longest: int
    """Tokens of the longest sequence."""
    checkpointing: bool = False
    learned: float = 1.0
    """Share of the tokens that carry loss."""
    accumulated: bool = True
    """A step has several passes, whose gradients add up."""
    processes: int = 1
    """Those that make such passes on one machine."""
