"""Layers of which each is given the same input in turn: the first call computes for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from belle_core.training.fast.lora import lora_forward


class Siblings:
    """peft's linear layers with one input."""

    def __init__(self, layers: Sequence[Any]) -> None:
        self.layers = layers
        self.input: Tensor | None = None
        self.waiting: dict[Any, Tensor] = {}

    def forward(self, layer: Any, x: Tensor) -> Tensor | None:
        """What *layer* makes of ``x``; ``None`` where it does more than :func:`lora_forward` knows."""
        if x is not self.input or layer not in self.waiting:
            outs = lora_forward(self.layers, x) if layer in self.layers else None  # not in a copy of the model
            if outs is None:
                alone = lora_forward([layer], x)
                return None if alone is None else alone[0]
            self.input, self.waiting = x, dict(zip(self.layers, outs, strict=True))
        out = self.waiting.pop(layer)
        if not self.waiting:
            self.input = None
        return out
