"""Saves the state of a run every so often and when it is told to stop, so that the same command goes on from there."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer

from belle_core.errors import BelleError
from belle_core.stopping import leave, stops
from belle_core.training.disk import disk_errors
from belle_core.training.sharing.alone import Alone

AGAIN: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""Told twice, a run ends at once; a terminal that goes tells it twice by itself."""


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes beside the last state and renames, so that at every moment one whole state is there."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """The state as one file; it is on the disk before it takes the last one's place."""
        new = Path(f"{path}.new")
        try:
            with disk_errors(new), new.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except BaseException:
            new.unlink(missing_ok=True)  # on a full disk the half file would be in the way
            raise

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = True) -> dict[str, Any]:
        """The saved state; raises ``BelleError`` when the file is damaged."""
        with readable(path):
            return super().load_checkpoint(path, map_location or (lambda storage, _: storage), weights_only=True)


@contextmanager
def readable(path: Any) -> Iterator[None]:
    """Raise ``BelleError`` for what reading a damaged state raises."""
    try:
        yield
    except (RuntimeError, EOFError, UnpicklingError) as error:
        raise BelleError(
            f"the saved state {path} is damaged; delete it, and the run begins anew",
            f"保存的状态 {path} 已损坏；删除它后，运行将从头开始",
        ) from error


class SavesState(Callback):
    """Saves at the end of an optimizer step: every *seconds*, and on a signal to stop, which then ends the run."""

    def __init__(self, path: Path, seconds: float, sharing: Alone | None = None) -> None:
        self.path, self.seconds, self.sharing = path, seconds, sharing or Alone()
        self.stopped_by: int | None = None
        self._last = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes the signals over from Lightning, which gives them back at the end. Until the first step (what the model says as
        it starts may take hours) there is nothing to save: they end the run at once."""
        for number in stops():
            self._handle(number, signal.default_int_handler if number == signal.SIGINT else leave)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """From here on they end it between two steps."""
        self._last = time.monotonic()
        for number in stops():
            self._handle(number, self._stop)

    def _handle(self, number: int, handler: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, handler)

    def _stop(self, number: int, _: Any) -> None:
        self.stopped_by = number
        signal.signal(number, AGAIN.get(number, signal.SIG_IGN))

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Here the state is that between two optimizer steps; all processes save, or none."""
        due = self.stopped_by is not None or time.monotonic() - self._last >= self.seconds
        if not self.sharing.any(due, pl_module.device):
            return
        stop = self.sharing.any(self.stopped_by is not None, pl_module.device)
        trainer.save_checkpoint(self.path)
        self._last = time.monotonic()
        trainer.should_stop = trainer.should_stop or stop
