"""Memory of a training run on one device: weights, gradients, optimizer, activations."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.planning.architecture import Architecture

WIDTH = {"float32": 4, "bfloat16": 2, "float16": 2}
FLOAT = 4
ADAM_STATES = 2


@dataclass(frozen=True)
class Precision:
    """Bytes per number of the weights, of what is computed with, and whether weights are cast for it."""

    weights: int
    compute: int

    @property
    def mixed(self) -> bool:
        return self.compute < self.weights

    @classmethod
    def of(cls, precision: str, dtype: str) -> Precision:
        """From Lightning's name; ``auto`` and names without a width follow *dtype*, the dtype of the stored weights."""
        if precision.endswith("-mixed"):
            return cls(FLOAT, 2)
        if precision.endswith("-true"):
            width = int(precision.split("-")[0].removeprefix("bf")) // 8
            return cls(width, width)
        return cls(WIDTH[dtype], WIDTH[dtype])


@dataclass(frozen=True)
class Memory:
    """Bytes on one device. ``activations`` is the most that the backward pass needs at once for one forward batch."""

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations


@dataclass(frozen=True)
class Batch:
    """One forward pass: *sequences* padded to *length* tokens."""

    sequences: int
    length: int
    checkpointing: bool = False


def training_memory(
    architecture: Architecture,
    precision: Precision,
    batch: Batch,
    *,
    adapter: int | None = None,
    bits: float | None = None,
) -> Memory:
    """Bytes with AdamW, whose two averages have the dtype of the weights (``torch.optim.AdamW``).

    ``adapter``: weights of a float32 low-rank update that trains alone; ``None``: every weight trains.
    ``bits``: bits per weight of a quantized frozen base.
    """
    base = architecture.parameters
    frozen = int(base * bits / 8) if bits else base * precision.weights
    if adapter is None:
        trained, width, weights = base, precision.weights, frozen
    else:
        trained, width, weights = adapter, FLOAT, frozen + adapter * FLOAT
    return Memory(
        weights=weights,
        gradients=trained * width,
        optimizer=ADAM_STATES * trained * width,
        activations=activations(architecture, precision, batch),
    )


def activations(architecture: Architecture, precision: Precision, batch: Batch) -> int:
    """Bytes that the forward pass keeps for the backward pass, with attention that never stores its scores.

    Counted from what transformers' LLaMA saves (``torch.autograd.graph.saved_tensors_hooks``), per token and block:
    8 hidden-wide, 2 key-wide and 4 feed-forward-wide tensors; the two norms compute in float32; mixed precision keeps the
    residuals in float32 and a cast copy of every weight.
    """
    tokens = batch.sequences * batch.length
    width = precision.compute
    block = tokens * block_bytes(architecture, precision)
    if batch.checkpointing:
        kept = architecture.layers * tokens * architecture.hidden * precision.weights + block
    else:
        kept = architecture.layers * block
    copies = architecture.matrices * width if precision.mixed else 0
    head = tokens * (architecture.hidden * (FLOAT + 2 * width) + architecture.vocabulary * (width + 3 * FLOAT))
    return kept + copies + head


def block_bytes(architecture: Architecture, precision: Precision) -> int:
    """Bytes that one block keeps per token."""
    width, hidden = precision.compute, architecture.hidden
    queries, keys = architecture.heads * architecture.head_dim, architecture.kv_heads * architecture.head_dim
    if precision.mixed:
        residual = 4 * hidden * FLOAT + 5 * hidden * width
    elif width == FLOAT:
        residual = 6 * hidden * FLOAT
    else:
        residual = 2 * hidden * FLOAT + 4 * hidden * width
    attention = (2 * queries + 2 * keys) * width + architecture.heads * FLOAT
    return residual + attention + 4 * architecture.intermediate * width + 2 * FLOAT
