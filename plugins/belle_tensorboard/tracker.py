"""Writes what happens in a run as TensorBoard events."""

from __future__ import annotations

from textwrap import indent
from typing import Any

import tensorboard  # noqa: F401  Lightning would only say that nothing can be written
from pytorch_lightning.loggers import TensorBoardLogger

from belle_core.events import RunStarted
from belle_core.terminal import printable
from belle_core.tracking import LightningTracker, as_text
from belle_tensorboard.config import TensorboardConfig


class TensorboardTracker(LightningTracker):
    """One folder per run."""

    def __init__(self, config: TensorboardConfig) -> None:
        self.config = config

    def open(self, event: RunStarted) -> Any:
        """A run that is repeated goes on in its folder."""
        return TensorBoardLogger(self.config.directory, name=None, version=event.name)

    def answers(self, step: str, answers: list[dict[str, str]], at: int) -> None:
        """As a block of code: TensorBoard takes text for Markdown, and a model may write anything."""
        self.logger.experiment.add_text(f"{step}/answers", indent(printable(as_text(answers)), "    "), at)

    def facts(self, step: str, values: dict[str, Any]) -> None:
        """As text."""
        for name, value in values.items():
            self.logger.experiment.add_text(f"{step}/{name}", str(value))
