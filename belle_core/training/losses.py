"""Token losses computed at the positions that have a label, and nowhere else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from belle_core.training.batches import Batch


def label_logits(model: Any, batch: Batch) -> Tensor:
    """Logits where a label is to be predicted, (labels, vocabulary).

    Hidden states are selected before they enter the output layer, so logits of other positions never exist. No mask is
    passed: padding stands on the right, and causal attention never looks there.
    """

    def select(_: torch.nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden = inputs[0]  # (sequences, time, width)
        return hidden.flatten(0, 1).index_select(0, batch.keep)[None], *inputs[1:]

    hook = model.get_output_embeddings().register_forward_pre_hook(select)
    try:
        logits: Tensor = model(input_ids=batch.ids, use_cache=False).logits
    finally:
        hook.remove()
    return logits[0]


def token_losses(model: Any, batch: Batch) -> Tensor:
    """Negative log-likelihood of every label in nats, (labels,) float32, unweighted."""
    return functional.cross_entropy(label_logits(model, batch).float(), batch.targets, reduction="none")


def answer_loss(model: Any, batch: Batch) -> Tensor:
    """Weighted sum over the labels, in nats; the caller divides by the weights of the whole optimizer step."""
    weighted = token_losses(model, batch) * batch.weights  # autocast would round a matrix product to bfloat16
    return weighted.sum()
