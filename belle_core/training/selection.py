"""Keeps the weights with the lowest dev loss, and ends a run that no longer gets better."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback
from safetensors.torch import load_file, save_file

from belle_core.training.disk import disk_errors
from belle_core.training.saving import writes


class Selection(Callback):
    """Looks at each new dev loss; ``best-<step>.safetensors`` in *folder* holds what trains as it was at the best one.

    ``patience``: after so many looks in a row that are no better the run ends; 0: never. Stands before what saves the
    state, so that both agree.
    """

    def __init__(self, folder: Path, patience: int) -> None:
        self.folder, self.patience = folder, patience
        self.loss, self.step, self.waited = math.inf, 0, 0
        self._saved = 0  # the step that the last saved state calls the best

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """A run that was over when its state was saved stays so; one that goes on from another's state begins to judge anew."""
        if self.step and not self._path(self.step).is_file():
            self.loss, self.step, self.waited = math.inf, 0, 0
        self._end(trainer)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """After an optimizer step, where a dev loss was taken."""
        point = pl_module.curve.points[-1]
        if point.dev is None:
            return
        if point.dev < self.loss:
            self.loss, self.step, self.waited = point.dev, point.step, 0
            self._save(pl_module)
        else:
            self.waited += 1
        self._end(trainer)

    def _end(self, trainer: Any) -> None:
        if self.patience and self.waited >= self.patience:
            trainer.should_stop = True

    def _path(self, step: int) -> Path:
        return self.folder / f"best-{step}.safetensors"

    def _save(self, module: Any) -> None:
        averages = module.averages
        weights = module.sharing.whole(module, averages.values if averages else module.sharing.parts(module))
        if not writes():
            return
        path = self._path(self.step)
        new = path.with_suffix(".new")
        try:
            with disk_errors(new):
                save_file({name: weight.cpu().contiguous() for name, weight in weights.items()}, new)
            with new.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(new, path)
        finally:
            new.unlink(missing_ok=True)
        for old in self.folder.glob("best-*.safetensors"):
            if old not in (path, self._path(self._saved)):  # a run that is killed now goes on from the saved state
                old.unlink()

    @torch.no_grad()
    def apply(self, module: Any) -> None:
        """Put the best weights in the model for good, where it is written."""
        if not writes():
            return
        best = load_file(self._path(self.step))
        for name, weight in module.trainable:
            weight.copy_(best[name])

    def state_dict(self) -> dict[str, Any]:
        """Saved with the run's state."""
        self._saved = self.step
        return {"loss": self.loss, "step": self.step, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.loss, self.step, self.waited = (state_dict[name] for name in ("loss", "step", "waited"))
        self._saved = self.step
