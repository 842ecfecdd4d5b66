"""Core of belle: discovers plugins, composes a run, executes its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_core.hooks import hookimpl
from belle_core.stages import Command, Part, Stage, StageContext

if TYPE_CHECKING:
    from belle_core.api import load, prepare, run

__all__ = ["Command", "Part", "Stage", "StageContext", "hookimpl", "load", "prepare", "run"]


def __getattr__(name: str) -> Any:
    """``run``, ``prepare`` and ``load`` bring Hydra along, so they are imported on first use."""
    if name in ("run", "prepare", "load"):
        import belle_core.api as module

        return getattr(module, name)
    raise AttributeError(name)
