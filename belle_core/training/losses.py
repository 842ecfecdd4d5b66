"""Token losses computed at the positions that have a label, and nowhere else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from belle_core.training.batches import Batch
from belle_core.training.fast import liger
from belle_core.training.fast.contents import is_whole
from belle_core.training.fast.frozen import frozen
from belle_core.training.fast.loss import LabelLosses, WeightedLoss
from belle_core.training.segments import Segments

PLAIN_OUTPUTS = {f"{name}ForCausalLM" for name in ("Llama", "Mistral", "Qwen2", "Qwen3", "Gemma", "Phi3")}
"""Models of transformers that do nothing to their logits."""
UNMASKED = torch.zeros(1, 1, 1, 1)
"""Tells transformers that the mask is taken care of, whatever its content."""


def label_logits(model: Any, batch: Batch) -> Tensor:
    """Logits where a label is to be predicted, (labels, vocabulary)."""
    return _logits(model, batch, batch.keep)


def last_logits(model: Any, batch: Batch) -> Tensor:
    """Logits after the last token of every sequence, (sequences, vocabulary)."""
    return _logits(model, batch, batch.lasts)


def label_states(model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """The same, and the hidden states (labels, width) that they are computed from."""
    seen: list[Tensor] = []

    def take(hidden: Tensor) -> Tensor:
        seen.append(hidden.index_select(0, batch.keep))
        return seen[0]

    return _forward(model, batch, take), seen[0]


def last_hidden(model: Any, batch: Batch) -> Tensor:
    """What the output layer is given at the last token of every sequence, (sequences, width)."""
    seen: list[Tensor] = []

    def take(hidden: Tensor) -> Tensor:
        seen.append(hidden.index_select(0, batch.lasts))
        return hidden[:0]  # the logits are not needed

    nothing = _forward(model, batch, take).sum()
    return seen[0] + nothing  # what divides a model among processes expects gradients by way of its output


def token_losses(model: Any, batch: Batch) -> Tensor:
    """Negative log-likelihood of every label in nats, (labels,) float32, unweighted."""
    weight = plain_output(model)
    if weight is not None and liger.suits(weight):
        return liger.label_losses(_label_hidden(model, batch), weight, batch.targets)
    if weight is None or (weight.requires_grad and torch.is_grad_enabled()):
        return functional.cross_entropy(label_logits(model, batch).float(), batch.targets, reduction="none")
    hidden = _label_hidden(model, batch)
    losses: Tensor = LabelLosses.apply(hidden, frozen(weight, hidden.dtype), batch.targets)
    return losses


def sequence_scores(model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
    """Log-probability of each sequence's labels in nats, and their number, both (sequences,) float32."""
    losses = token_losses(model, batch)
    zeros = losses.new_zeros(batch.sequences)
    return zeros.index_add(0, batch.rows, -losses), zeros.index_add(0, batch.rows, torch.ones_like(losses))


def answer_loss(model: Any, batch: Batch) -> Tensor:
    """Weighted sum over the labels, in nats; the caller divides by the weights of the whole optimizer step."""
    weight = plain_output(model)
    if weight is not None and liger.suits(weight):
        return liger.weighted_loss(_label_hidden(model, batch), weight, batch.targets, batch.weights, even=batch.even)
    if weight is not None and weight.requires_grad and torch.is_grad_enabled():
        loss: Tensor = WeightedLoss.apply(_label_hidden(model, batch), weight, batch.targets, batch.weights)
        return loss
    weighted = token_losses(model, batch) * batch.weights  # autocast would round a matrix product to bfloat16
    return weighted.sum()


def plain_output(model: Any) -> Tensor | None:
    """The weight of the output layer if logits are the product with it and nothing else, so that they can be made in parts."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    layer = model.get_output_embeddings()
    known = type(base).__name__ in PLAIN_OUTPUTS and type(base).__module__.startswith("transformers.models.")
    if not known or type(layer) is not torch.nn.Linear or layer.bias is not None:
        return None
    return layer.weight if is_whole(layer.weight) else None


def _label_hidden(model: Any, batch: Batch) -> Tensor:
    """What the output layer would be given where a label is to be predicted, (labels, width)."""
    layer = model.get_output_embeddings()
    layer.forward = lambda hidden: hidden
    try:
        hidden = _logits(model, batch, batch.keep)
    finally:
        del layer.forward
    kind = hidden.device.type
    return hidden.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else hidden


def _logits(model: Any, batch: Batch, positions: Tensor) -> Tensor:
    return _forward(model, batch, lambda hidden: hidden.index_select(0, positions))


def _forward(model: Any, batch: Batch, select: Any) -> Tensor:
    """Logits of the hidden states that *select* takes from all, (tokens, width); those of others never exist.

    No mask is passed: padding stands on the right, where causal attention never looks, and a pack has its segments.
    """

    def enter(_: torch.nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return select(inputs[0].flatten(0, 1))[None], *inputs[1:]

    packed: dict[str, Any] = {}
    if batch.positions is not None:
        packed = {"position_ids": batch.positions, "segments": Segments(batch.lengths), "attention_mask": UNMASKED}
    hook = model.get_output_embeddings().register_forward_pre_hook(enter)
    try:
        logits: Tensor = model(input_ids=batch.ids, use_cache=False, **packed).logits
    finally:
        hook.remove()
    return logits[0]
