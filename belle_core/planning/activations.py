"""Bytes of a forward pass: what it keeps for the backward pass, and what both need for a moment."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from belle_core.planning.architecture import EMBEDDING, LEAN, OUTPUT, Architecture
from belle_core.planning.method import FLOAT, Method, Precision

LOGITS, SHARES = 1 << 23, 1 << 19
"""As in ``belle_core.training.fast.loss``."""
AT_ONCE = 32
"""As in ``belle_core.generation.local``."""


@dataclass(frozen=True)
class Batch:
    """The largest forward pass of a run."""

    tokens: int
    """With padding, where there is any."""
    checkpointing: bool = False
    learned: float = 1.0
    """Share of the tokens that carry loss."""
    accumulated: bool = True
    """A step has several passes, whose gradients add up."""
    longest: int = 0
    """Tokens of the longest sequence."""


def activations(architecture: Architecture, precision: Precision, batch: Batch, method: Method) -> int:
    """Bytes that the forward pass keeps; with recomputation the inputs of blocks. Attention never stores its scores.

    Counted from what models save (``torch.autograd.graph.saved_tensors_hooks``): tensors per token and block, cast
    copies of weights in mixed precision, and what the loss keeps.
    """
    border, blocks = batch.tokens * architecture.hidden * precision.weights, blocks_reached(architecture, method)
    kept = border if batch.checkpointing else block_bytes(architecture, precision, batch, method)
    return blocks * kept + border + _loss(architecture, precision, batch, method)


def transients(architecture: Architecture, precision: Precision, batch: Batch, method: Method) -> int:
    """What the loss needs beside that, or a block's backward pass, whichever is more: they come one after the other."""
    block = block_transients(architecture, precision, batch)
    if batch.checkpointing:
        block += block_bytes(architecture, precision, batch, method)
    return max(head_transients(architecture, precision, batch, method), block)


def written(architecture: Architecture, precision: Precision, batch: Batch, method: Method) -> int:
    """Bytes of the keys and values that answers need while they are written, before anything is learned from them."""
    each = 2 * architecture.layers * architecture.kv_heads * architecture.head_dim * precision.compute
    return min(method.answers, AT_ONCE) * batch.longest * each


def block_bytes(architecture: Architecture, precision: Precision, batch: Batch, method: Method) -> int:
    """Bytes that one block keeps."""
    return batch.tokens * token_bytes(architecture, precision, method) + _copies(architecture, precision, method)


def token_bytes(architecture: Architecture, precision: Precision, method: Method) -> int:
    """Bytes that one block keeps per token."""
    width, hidden, wide = precision.compute, architecture.hidden, architecture.intermediate
    queries, keys = architecture.heads * architecture.head_dim, architecture.kv_heads * architecture.head_dim
    attention = (queries + 2 * keys) * width
    if method.lean and architecture.family in LEAN:
        norms = 2 * (hidden * precision.weights + FLOAT)
        gated = 2 * wide * width
        attention += architecture.head_dim * width if precision.copies else 0  # angles
        if architecture.qk_norm:
            norms += (queries + keys) * width + (architecture.heads + architecture.kv_heads) * FLOAT
    else:
        norms = 2 * hidden * FLOAT + 2 * FLOAT + (0 if method.adapter else 2 * hidden * precision.weights)
        norms += 3 * hidden * width if precision.copies else 0
        gated = 3 * wide * width
    updates = sum(rank * width for rank in method.ranks.values())
    return norms + attention + gated + updates + _inputs(architecture, method, width)


def _inputs(architecture: Architecture, method: Method, width: int) -> int:
    """Inputs of linear layers, kept where the layer trains, once for those that share one."""
    shapes, updated = architecture.linear(), [architecture.linear()[name] for name in method.ranks]
    if method.dropout:
        return sum(2 * inputs * width for inputs, _ in updated)  # each update has its own, and what was dropped
    kept = sum(sum(shape) * width for shape in updated) if method.dora else 0
    for group in (("q_proj", "k_proj", "v_proj"), ("o_proj",), ("gate_proj", "up_proj"), ("down_proj",)):
        kept += shapes[group[0]][0] * width if method.names & set(group) else 0
    return kept


def _copies(architecture: Architecture, precision: Precision, method: Method) -> int:
    """Cast weights of one block, and of its updates."""
    copies = (
        architecture.matrices // architecture.layers * precision.compute if precision.copies and not method.bits else 0
    )
    if method.adapter and precision.compute < precision.trained:
        copies += sum(w.size // w.number for w in method.trained if w.name.endswith(".lora")) * precision.compute
    if method.dora:
        copies += sum(prod(architecture.linear()[name]) for name in method.ranks) * FLOAT  # the sum with the update
    return copies


def blocks_reached(architecture: Architecture, method: Method) -> int:
    """Blocks that a gradient goes through: all, or with the first ones frozen the last."""
    if EMBEDDING in method.names:
        return architecture.layers
    return max((weight.number for weight in method.trained if weight.name not in (EMBEDDING, OUTPUT)), default=0)


def _loss(architecture: Architecture, precision: Precision, batch: Batch, method: Method) -> int:
    """What the loss keeps of logits and hidden states."""
    if method.logits == "none":
        return 0
    labels, width = int(batch.tokens * batch.learned), precision.compute
    states = labels * architecture.hidden * width
    if in_parts(architecture, method):
        return states
    return states + labels * architecture.vocabulary * FLOAT


def in_parts(architecture: Architecture, method: Method) -> bool:
    """Whether the logits of a pass never exist whole."""
    return method.logits == "parts" or (method.logits == "scores" and not output_trains(architecture, method))


def output_trains(architecture: Architecture, method: Method) -> bool:
    """Whether the output layer has a gradient."""
    return (EMBEDDING if architecture.tied else OUTPUT) in method.names


def head_transients(architecture: Architecture, precision: Precision, batch: Batch, method: Method) -> int:
    """What the output layer and the loss need beside what is kept: logits, and the layer's gradient as it is added up."""
    if method.logits == "none":
        return 0
    labels, width, vocabulary = int(batch.tokens * batch.learned), precision.compute, architecture.vocabulary
    table = vocabulary * architecture.hidden
    trains = output_trains(architecture, method)
    gradient = table * (precision.weights + max(precision.weights, width)) if trains else 0
    if not in_parts(architecture, method):
        return labels * vocabulary * (2 * FLOAT) + gradient // 2
    cast = table * width if precision.copies else 0
    most = (4 if trains else 1) * LOGITS
    logits = min(labels, max(1, most // vocabulary)) * vocabulary
    chunk = logits * width + 2 * min(logits, SHARES) * FLOAT
    return max(cast + chunk + gradient, gradient) + labels * architecture.hidden * width


def block_transients(architecture: Architecture, precision: Precision, batch: Batch) -> int:
    """What the backward pass of one block needs beside what is kept."""
    wide = 3 * architecture.intermediate * precision.compute + 2 * architecture.hidden * precision.weights
    return batch.tokens * wide
