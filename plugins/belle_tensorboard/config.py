"""Options of ``tracker=tensorboard``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class TensorboardConfig:
    """Look at it with ``tensorboard --logdir tensorboard``."""

    directory: str = "tensorboard"
    """Folder with one folder of events per run."""
