"""Options of ``+data=self_instruct``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.config import at_least, between, option
from belle_core.generation.calls import EndpointConfig
from belle_generate.config import GenerateConfig, writer_defaults

SHOWN = 3
"""Tasks that a request shows."""
LISTED = 10
"""Tasks in the list that a request asks to complete."""


@dataclass
class SelfInstructConfig(GenerateConfig):
    """New tasks in the manner of a few seed tasks: instruction, input and output."""

    endpoint: EndpointConfig = writer_defaults(temperature=1.0, max_tokens=3072)
    """Who writes."""
    size: int = 1000
    """Examples to make; what ``clean`` drops is missing from them."""
    seeds: str | None = option(None, file=True)
    """Seed tasks: JSON Lines with ``instruction``, ``input``, ``output`` and perhaps ``category``; empty: those that come along."""
    similarity: float = 0.7
    """A new instruction is rejected when its ROUGE-L with an earlier one is above this (0.5 to 1)."""
    categories: bool = False
    """Ask for every task's category as well."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, size=1)
        between(self, "similarity", 0.5, 1)
