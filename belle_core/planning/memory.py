"""Memory of a training run on one device when it is at its highest: weights, gradients, optimizer, activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from belle_core.planning.method import FLOAT, Method
from belle_core.planning.passes import Pass

if TYPE_CHECKING:
    from belle_core.planning.device import Device
    from belle_core.training.skeleton import Skeleton

ADAM_STATES = 2
AT_ONCE = 32
"""As in ``belle_core.generation.local``."""
POOL = {False: 250 << 20, True: 160 << 20}
"""Bytes of main memory that the C library asks for in advance, that kernels of matrix products take, and that lie idle between
large tensors of ever new sizes; by whether there is an adapter, under which the output layer's gradient is not among these."""
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
    """What Python and its libraries take of main memory, or CUDA of a GPU's."""

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
    skeleton: Skeleton, one: Pass, method: Method, *, state: StateBytes | None = None, device: Device | None = None
) -> Memory:
    """Bytes at the highest point of a step whose largest pass is *one*; ``state`` tells the optimizer's, ``None`` stands for
    AdamW's two averages. ``device``: the one of which it is to be told what else the process takes.
    """
    program, main = (device.program, device.kind != "cuda") if device else (0, False)
    most, gradients = skeleton.peak(one)
    answers = min(method.answers, AT_ONCE) * one.longest * skeleton.cached if method.answers else 0
    if answers > most:
        most, gradients = answers, 0
    memory = Memory(
        weights=skeleton.weights + method.copies * skeleton.floats,
        gradients=gradients,
        optimizer=sum(_state(weight, state) for weight in skeleton.trained)
        + FLOAT * skeleton.trainable * method.averaged,
        activations=most - gradients,
        program=program,
        heap=POOL[method.adapter] + int(GAPS[method.own_layers] * most) if main else 0,
    )
    if not (skeleton.quantized and main):
        return memory
    return replace(memory, loading=max(0, skeleton.floats + program - memory.total))


def _state(weight: tuple[str, tuple[int, ...], int, int], state: StateBytes | None) -> int:
    role, shape, numbers, width = weight
    return state(role, shape, width) if state else ADAM_STATES * width * numbers
