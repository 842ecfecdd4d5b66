"""How a training method holds and trains a model, as far as its memory depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from belle_core.planning.architecture import Weight
from belle_core.training.precision import precision_of, weights_dtype

WIDTH = {"float32": 4, "bfloat16": 2, "float16": 2}
FLOAT = 4


@dataclass(frozen=True)
class Precision:
    """Bytes per number of the loaded weights, of what is computed with, and of what trains."""

    weights: int
    compute: int
    trained: int

    @property
    def copies(self) -> bool:
        """Whether every weight is cast, and the cast copy kept, for the forward pass."""
        return self.compute < self.weights

    @classmethod
    def of(cls, setting: str, stored: str, *, frozen: bool) -> Precision:
        """What training makes of ``trainer.precision`` and ``model.dtype``; ``frozen``: an adapter trains alone."""
        name = precision_of(setting, stored)
        weights = WIDTH[weights_dtype(setting, stored, frozen=frozen)]
        return cls(weights, FLOAT if name == "32-true" else 2, 2 if name == "bf16-true" else FLOAT)


@dataclass(frozen=True)
class Method:
    """What trains, and how."""

    trained: list[Weight]
    adapter: bool = False
    """What trains stands beside a base that is frozen."""
    bits: float | None = None
    """Bits per weight of the blocks' linear layers; ``None``: floats."""
    lean: bool = True
    """Layers have the backward passes of ``belle_core.training.fast`` where the architecture is known there."""
    dropout: bool = False
    """The updates of an adapter have dropout."""
    dora: bool = False
    """The updates of an adapter go by direction."""
    logits: str = "parts"
    """``Objective.logits``."""
    averaged: bool = False
    """An average of what trains is kept beside it."""
    copies: int = 0
    """Further models of the same size that are there and do not train: a reference, a judge."""
    answers: int = 0
    """Sequences that are written at a time before they are learned from."""

    @property
    def own_layers(self) -> bool:
        """Whether updates beside a base are layers of ``belle_core.training.fast``, which leave few small pieces behind."""
        return self.lean and not (self.bits or self.dropout or self.dora)

    @cached_property
    def names(self) -> frozenset[str]:
        """Layers of which something trains; of an update its layer."""
        return frozenset(weight.name.partition(".")[0] for weight in self.trained)

    @cached_property
    def ranks(self) -> dict[str, int]:
        """Ranks of the updates by layer."""
        return {w.name.removesuffix(".lora"): min(w.shape) for w in self.trained if w.name.endswith(".lora")}
