"""An average of the weights over the optimizer steps (EMA), which is what is evaluated and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning import Callback
from torch import Tensor

from belle_core.training.sharing.alone import holding, put


class Averages(Callback):
    """``average = d * average + (1 - d) * weight`` after every optimizer step, in float32, for weights that train.

    ``d`` is *decay*, in early steps ``(1 + step) / (10 + step)`` where that is lower, so that the beginning is forgotten.
    Every process averages the part of the weights that it keeps.
    """

    def __init__(self, decay: float, module: Any) -> None:
        self.decay, self.module, self.sharing = decay, module, module.sharing
        self.values: list[Tensor] = []
        """As ``sharing.parts`` gives the weights."""
        self._saved: dict[str, Tensor] | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins with the weights as they are, or goes on with what was saved."""
        if self._saved is not None:
            self.values = self.sharing.share(self.module, self._saved)
        else:
            self.values = [part.to(torch.float32, copy=True) for part in self.sharing.parts(self.module)]
        self._saved = None

    @torch.no_grad()
    def update(self) -> None:
        """After the optimizer step that was number ``module.done``, counted from 0."""
        decay = min(self.decay, (1 + self.module.done) / (10 + self.module.done))
        for value, part in zip(self.values, self.sharing.parts(self.module), strict=True):
            value.lerp_(part.float(), 1 - decay)

    def apply(self) -> None:
        """Put the averages in the model for good."""
        put(self.sharing.parts(self.module), self.values)
        self.sharing.changed(self.module)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The averages in the model; afterwards the weights are back bit for bit."""
        try:
            with holding(self.sharing.parts(self.module), self.values):
                self.sharing.changed(self.module)
                yield
        finally:
            self.sharing.changed(self.module)

    def state_dict(self) -> dict[str, Any]:
        """Saved with the run's state, whole; all processes ask for it together."""
        return {"values": self.sharing.whole(self.module, self.values)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self._saved = state_dict["values"]
