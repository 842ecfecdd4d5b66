"""Options of ``deploy=merged``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class MergedConfig:
    """Adapters are merged into the weights."""

    title: str = "belle model"
    """First line of the model card."""
