"""Options of ``tracker=wandb``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.config import one_of


@dataclass
class WandbConfig:
    """The key comes from ``WANDB_API_KEY`` or ``wandb login``, never from a configuration."""

    project: str = "belle"
    """Project that the run belongs to."""
    entity: str | None = None
    """User or team; ``None``: the account's default."""
    mode: str = "auto"
    """``online``, ``offline``, or ``auto``: ``WANDB_MODE`` if set, else online where a key is known and offline elsewhere."""
    timeout: float = 30.0
    """Seconds to wait for the server at the start; then the run goes on without it."""
    directory: str = "."
    """Where the ``wandb`` folder of local files goes."""

    def __post_init__(self) -> None:
        one_of(self, "mode", ("auto", "online", "offline"))
