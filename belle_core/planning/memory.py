"""Memory of a training run on one device when it is at its highest: weights, gradients, optimizer, activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

from belle_core.planning.activations import Batch, activations, transients, written
from belle_core.planning.architecture import OUTPUT, Architecture, Weight
from belle_core.planning.method import FLOAT, Method, Precision

ADAM_STATES = 2
POOL = {False: 64 << 20, True: 200 << 20}
"""Bytes of main memory that the C library asks for in advance and that kernels of matrix products take, of which oneDNN keeps
the last 1,024; by whether there is an adapter, with its many small products."""
GAPS = {True: 0.15, False: 0.55}
"""What the C library's heap has between pieces in use, as a share of what comes and goes; by ``Method.own_layers``. Both as
measured on Linux (``tests/core/test_planning_processes.py``)."""
StateBytes = Callable[[str, tuple[int, ...], int], int]
"""What an optimizer keeps of one weight: ``(role, shape, bytes per number)`` to bytes."""


@dataclass(frozen=True)
class Memory:
    """Bytes on one device."""

    weights: int
    gradients: int
    """Those that are there when memory is at its highest."""
    optimizer: int
    """Its state, and the averages of ``train.ema``."""
    activations: int
    """What the forward pass keeps for the backward pass, and what either needs for a moment."""
    program: int = 0
    """Main memory that Python and its libraries take; 0 where that is not the device's."""

    heap: int = 0
    """Main memory that the C library holds beyond what is in use; 0 where that is not the device's."""
    loading: int = 0
    """What more is needed before, where weights are loaded as floats into the same memory and quantized there."""

    @property
    def total(self) -> int:
        return (
            self.weights + self.gradients + self.optimizer + self.activations + self.program + self.heap + self.loading
        )


def training_memory(
    architecture: Architecture,
    precision: Precision,
    batch: Batch,
    method: Method,
    *,
    state: StateBytes | None = None,
    program: int = 0,
) -> Memory:
    """Bytes at the highest point of a step; ``state`` tells the optimizer's, ``None`` stands for AdamW's two averages.
    ``program``: what else the process takes of the device, if that is main memory.

    A step of several passes has all gradients while the last one is made. In one of a single pass they come as the
    activations go, so that the larger of the two counts, and with activations the output layer's, which are made first.
    """
    trained = sum(weight.size for weight in method.trained)
    gradients = trained * precision.trained
    kept = activations(architecture, precision, batch, method)
    answers = written(architecture, precision, batch, method)
    moment = transients(architecture, precision, batch, method)
    first = 0 if batch.accumulated else sum(w.size for w in method.trained if w.name == OUTPUT) * precision.trained
    if answers > kept + moment + gradients:
        gradients, needed = 0, answers
    elif batch.accumulated or kept + moment + first > gradients:
        gradients, needed = (gradients if batch.accumulated else first), kept + moment
    else:
        needed = moment
    memory = Memory(
        weights=held(architecture, precision, method) + method.copies * architecture.parameters * precision.weights,
        gradients=gradients,
        optimizer=sum(w.number * _state(w, precision.trained, state) for w in method.trained)
        + FLOAT * trained * method.averaged,
        activations=needed,
        program=program,
        heap=POOL[method.adapter] + int(GAPS[method.own_layers] * (gradients + needed)) if program else 0,
    )
    if not (method.bits and program):
        return memory
    floats = architecture.parameters * precision.weights + program
    return replace(memory, loading=max(0, floats - memory.total))


def held(architecture: Architecture, precision: Precision, method: Method) -> int:
    """Bytes of the weights, with those that were added to train beside them."""
    weights = architecture.parameters * precision.weights
    if method.bits:
        weights += int(architecture.matrices * (method.bits / 8 - precision.weights))
    if method.adapter:
        weights += sum(weight.size for weight in method.trained) * precision.trained
    return weights


def _state(weight: Weight, width: int, state: StateBytes | None) -> int:
    return state(weight.role, weight.shape, width) if state else ADAM_STATES * width * prod(weight.shape)
