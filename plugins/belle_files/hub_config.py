"""Options of ``+data=hub``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.errors import Invalid
from belle_files.config import ReadingConfig


@dataclass
class HubConfig(ReadingConfig):
    """A data set on a hub. ``dev`` and ``test`` may also be names of its splits."""

    name: str = ""
    """Name of the repository (``BelleGroup/train_0.5M_CN``)."""
    revision: str | None = None
    """Commit on the hub, pinned so that the fingerprint means something."""
    subset: str = ""
    """Which of its configurations; empty: the default one."""
    split: str = "train"
    """What to train on."""
    files: str = ""
    """Pattern of the files to read (``data/*.json``) instead of what the repository says about its splits."""
    hub: str = "huggingface"
    """Where the name is looked up: ``huggingface`` (``HF_ENDPOINT`` and ``HF_TOKEN`` apply) or ``modelscope``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hub not in ("huggingface", "modelscope"):
            raise Invalid(
                "hub",
                f"must be huggingface or modelscope, got {self.hub!r}",
                f"只能是 huggingface 或 modelscope，现在是 {self.hub!r}",
            )
