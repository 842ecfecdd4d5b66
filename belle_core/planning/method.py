"""How a training method holds and trains a model, as far as a process's memory depends on it beside the model itself."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.training.precision import precision_of, weights_dtype

WIDTH = {"float32": 4, "bfloat16": 2, "float16": 2}
FLOAT = 4


@dataclass(frozen=True)
class Precision:
    """Bytes per number of the loaded weights, of what is computed with, and of what trains."""

    weights: int
    compute: int
    trained: int

    @classmethod
    def of(cls, setting: str, stored: str, *, frozen: bool) -> Precision:
        """What training makes of ``trainer.precision`` and ``model.dtype``; ``frozen``: an adapter trains alone."""
        name = precision_of(setting, stored)
        weights = WIDTH[weights_dtype(setting, stored, frozen=frozen)]
        return cls(weights, FLOAT if name == "32-true" else 2, 2 if name == "bf16-true" else FLOAT)


@dataclass(frozen=True)
class Method:
    """What is there beside the model that trains, and how its layers do."""

    adapter: bool = False
    """What trains stands beside a base that is frozen."""
    own_layers: bool = True
    """Layers are those of ``belle_core.training.fast``, which leave few small pieces behind."""
    averaged: bool = False
    """An average of what trains is kept beside it."""
    copies: int = 0
    """Further models of the same size that are there and do not train: a reference, a judge."""
    answers: int = 0
    """Sequences that are written at a time before they are learned from."""
