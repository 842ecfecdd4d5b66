"""An average of the weights over the optimizer steps (EMA), which is what is evaluated and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning import Callback
from torch import Tensor


class Averages(Callback):
    """``average = d * average + (1 - d) * weight`` after every optimizer step, in float32, for weights that train.

    ``d`` is *decay*, in early steps ``(1 + step) / (10 + step)`` where that is lower, so that the beginning is forgotten.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.values: dict[str, Tensor] = {}

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins with the weights as they are, or goes on with what was saved."""
        trainable = dict(pl_module.trainable)
        self.values = {
            name: self.values.get(name, weight.detach()).to(weight.device, torch.float32, copy=True)
            for name, weight in trainable.items()
        }

    @torch.no_grad()
    def update(self, module: Any) -> None:
        """After the optimizer step that was number ``module.done``, counted from 0."""
        decay = min(self.decay, (1 + module.done) / (10 + module.done))
        for name, weight in module.trainable:
            self.values[name].lerp_(weight.detach().float(), 1 - decay)

    @torch.no_grad()
    def apply(self, module: Any) -> None:
        """Put the averages in the model for good."""
        for name, weight in module.trainable:
            weight.copy_(self.values[name])

    @contextmanager
    def in_place(self, module: Any) -> Iterator[None]:
        """The averages in the model; afterwards the weights are back bit for bit."""
        kept = [(weight, weight.detach().clone()) for _, weight in module.trainable]
        self.apply(module)
        try:
            yield
        finally:
            with torch.no_grad():
                for weight, value in kept:
                    weight.copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """Saved with the run's state."""
        return {"values": self.values}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        self.values = state_dict["values"]
