"""Cross-entropy of an output layer, a chunk of the labels at a time: the logits of a batch never exist whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from belle_core.training.fast.contents import is_hollow
from belle_core.training.fast.frozen import Frozen
from belle_core.training.fast.products import product
from belle_core.training.fast.sizes import at_once

LOGITS = {"cpu": 1 << 23, "cuda": 1 << 26}
"""Logits that exist at once."""
TRAINED = {"cpu": 1 << 25, "cuda": 1 << 28}
"""Bytes of them where the layer trains: more, since its gradient is added up per chunk."""

SHARES = 1 << 19
"""Probabilities in float32 that exist at once on a processor: about what its cache holds."""
LOST = 80.0
"""Losses above this are made from the logits, since exp(-loss) comes near the smallest float32."""


class LabelLosses(torch.autograd.Function):
    """Negative log-likelihood of every label under a frozen layer.

    The gradient of a label's loss by its hidden state is made along with the loss: what comes from above scales it.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Frozen, targets: Tensor) -> Tensor:
        """``hidden``: (labels, width), ``weight``: (vocabulary, width), ``targets``: (labels,). Returns (labels,) float32."""
        losses = hidden.new_empty(len(targets), dtype=torch.promote_types(hidden.dtype, torch.float32))
        by_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for rows in _chunks(len(targets), weight.weight, at_once(LOGITS, hidden.device)):
            slope = _slope(hidden[rows], weight, targets[rows], losses[rows])
            if by_hidden is not None:
                by_hidden[rows] = weight.back(slope)
        ctx.save_for_backward(by_hidden)
        return losses

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """The gradient of ``hidden``."""
        (by_hidden,) = ctx.saved_tensors
        return (by_hidden * grad[:, None]).to(by_hidden.dtype), None, None


class WeightedLoss(torch.autograd.Function):
    """The weighted sum of all losses, with a layer that trains, too."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """As in :class:`LabelLosses`; ``weights``: (labels,) float32. Returns a scalar; *weight* may be of a wider type."""
        losses = hidden.new_empty(len(targets), dtype=torch.promote_types(hidden.dtype, torch.float32))
        narrow = Frozen(weight.to(hidden.dtype))
        by_hidden, by_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        for rows in _chunks(len(targets), weight, at_once(TRAINED, hidden.device) // hidden.element_size()):
            slope = _slope(hidden[rows], narrow, targets[rows], losses[rows], weights[rows])
            by_hidden[rows] = narrow.back(slope)
            by_weight += product(slope.t(), hidden[rows].t())
        ctx.save_for_backward(by_hidden, by_weight)
        return (losses * weights).sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients of ``hidden`` and ``weight``."""
        by_hidden, by_weight = ctx.saved_tensors
        return by_hidden * grad.to(by_hidden.dtype), by_weight * grad, None, None


def _slope(hidden: Tensor, weight: Frozen, targets: Tensor, losses: Tensor, weights: Tensor | None = None) -> Tensor:
    """Gradient of each label's weighted loss by its logits, (labels, vocabulary); fills in the ``losses``."""
    logits, wanted = weight.ahead(hidden), targets[:, None]
    if logits.device.type != "cpu":
        return _slope_at_once(logits, targets, losses, weights)
    picked = torch.empty_like(losses)
    for rows in _chunks(len(targets), weight.weight, SHARES):
        shares = torch.softmax(logits[rows], -1, dtype=losses.dtype)
        torch.gather(shares, 1, wanted[rows], out=picked[rows, None])
        logits[rows] = shares if weights is None else shares.mul_(weights[rows, None])
    torch.log(picked, out=losses).neg_()
    if (lost := losses > LOST).any():  # the share is too small for its type
        wide = weight.ahead(hidden[lost]).to(losses.dtype)
        losses[lost] = functional.cross_entropy(wide, targets[lost], reduction="none")
    own = picked - 1 if weights is None else (picked - 1).mul_(weights)
    logits[torch.arange(len(targets), device=targets.device), targets] = own.to(logits.dtype)
    return logits


def _slope_at_once(logits: Tensor, targets: Tensor, losses: Tensor, weights: Tensor | None) -> Tensor:
    """The same without a question to the device, which the host would wait for."""
    wanted = targets[:, None]
    shares = torch.log_softmax(logits, -1, dtype=losses.dtype)
    losses.copy_(shares.gather(1, wanted)[:, 0].neg_())
    shares.exp_().scatter_add_(1, wanted, torch.full_like(shares[:, :1], -1.0))
    return (shares if weights is None else shares.mul_(weights[:, None])).to(logits.dtype)


def _chunks(labels: int, weight: Tensor, most: int) -> Iterator[slice]:
    size = max(1, most // len(weight))
    labels = min(labels, 2 * size) if is_hollow(weight) else labels
    return (slice(begin, min(labels, begin + size)) for begin in range(0, labels, size))
