"""Memory of a training run on one device: weights, gradients, optimizer, activations."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.planning.architecture import Architecture
from belle_core.training.precision import precision_of, weights_dtype

WIDTH = {"float32": 4, "bfloat16": 2, "float16": 2}
FLOAT = 4
ADAM_STATES = 2
ADAPTED = 7
"""Linear layers of a block, each of which keeps its low-rank inner activations."""


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
    learned: float = 1.0
    """Share of the tokens that carry loss; logits exist for these alone."""


@dataclass(frozen=True)
class Adapter:
    """A low-rank update."""

    rank: int
    parameters: int


def training_memory(
    architecture: Architecture,
    precision: Precision,
    batch: Batch,
    *,
    adapter: Adapter | None = None,
    bits: float | None = None,
) -> Memory:
    """Bytes with AdamW, whose two averages have the dtype of the weights (``torch.optim.AdamW``).

    ``adapter``: the low-rank update that trains alone; ``None``: every weight trains.
    ``bits``: bits per weight of a quantized frozen base.
    """
    base = architecture.parameters
    weights = int(base * bits / 8) if bits else base * precision.weights
    trained = adapter.parameters if adapter else base
    if adapter:
        weights += trained * precision.trained
    return Memory(
        weights=weights,
        gradients=trained * precision.trained,
        optimizer=ADAM_STATES * trained * precision.trained,
        activations=activations(architecture, precision, batch, adapter),
    )


def activations(architecture: Architecture, precision: Precision, batch: Batch, adapter: Adapter | None = None) -> int:
    """Bytes that the forward pass keeps for the backward pass, with attention that never stores its scores.

    Counted from what transformers' LLaMA saves (``torch.autograd.graph.saved_tensors_hooks``): tensors per token and
    block, cast copies of the weights in mixed precision, and logits in float32 where a token is learned.
    """
    tokens, width = batch.sequences * batch.length, precision.compute
    block = tokens * block_bytes(architecture, precision, adapter)
    kept = architecture.layers * block
    if batch.checkpointing:
        kept = architecture.layers * tokens * architecture.hidden * precision.weights + block
    copies = architecture.matrices * width if precision.copies else 0
    if adapter and width < precision.trained:
        copies += adapter.parameters * width
    logits = int(tokens * batch.learned) * architecture.vocabulary * (3 * FLOAT + (width if width < FLOAT else 0))
    return kept + copies + tokens * architecture.hidden * (FLOAT + 2 * width) + logits


def block_bytes(architecture: Architecture, precision: Precision, adapter: Adapter | None = None) -> int:
    """Bytes that one block keeps per token."""
    width, hidden = precision.compute, architecture.hidden
    queries, keys = architecture.heads * architecture.head_dim, architecture.kv_heads * architecture.head_dim
    norms = 2 * hidden * FLOAT + 2 * FLOAT
    inputs = (5 if precision.copies else 2) * hidden * width
    attention = (2 * queries + 2 * keys) * width + architecture.heads * FLOAT
    kept = norms + inputs + attention + 4 * architecture.intermediate * width
    return kept + (ADAPTED * adapter.rank * width if adapter else 2 * hidden * precision.weights)
