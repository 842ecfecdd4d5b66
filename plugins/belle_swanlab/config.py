"""Options of ``tracker=swanlab``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.config import one_of


@dataclass
class SwanlabConfig:
    """The key comes from ``SWANLAB_API_KEY`` or ``swanlab login``, never from a configuration."""

    project: str = "belle"
    """Project that the run belongs to."""
    workspace: str | None = None
    """User or organization; ``None``: the account's default."""
    mode: str = "offline"
    """``offline`` (files that ``swanlab sync`` sends later), ``local`` (files alone) or ``online``."""
    directory: str = "swanlog"
    """Folder with one folder of files per run."""

    def __post_init__(self) -> None:
        one_of(self, "mode", ("offline", "local", "online"))
