"""Products with weights that do not train; in bfloat16 on CPUs in the layout that matrix products read fastest, made once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from belle_core.planning.device import main_memory
from belle_core.training.fast.contents import is_hollow, is_whole
from belle_core.training.fast.products import product

SHARE = 0.25
"""Of the machine's memory what the laid out copies may take in all, or there are none."""


class Frozen:
    """A weight, (out, in), for products from either side."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight

    def ahead(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x Wᵀ + bias. ``x``: (tokens, in)."""
        return product(x, self.weight, bias)

    def back(self, grad: Tensor, other: Tensor | None = None) -> Tensor:
        """grad W (+ other), which is the gradient of x. ``grad``: (tokens, out). *other* may be overwritten."""
        if other is None:
            return product(grad, self.weight.t())
        return other.add_(product(grad, self.weight.t()))


class Packed(Frozen):
    """The same by oneDNN's kernels, which otherwise lay out the weight anew in every product."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__(weight)
        arrange = torch.ops.mkldnn._reorder_linear_weight
        self.packs = arrange(weight.contiguous()), arrange(weight.t().contiguous())

    def ahead(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        return _product(x, self.packs[0], bias)

    def back(self, grad: Tensor, other: Tensor | None = None) -> Tensor:
        if other is None:
            return _product(grad, self.packs[1], None)
        result: Tensor = torch.ops.mkldnn._linear_pointwise.binary(grad, other, self.packs[1], None, "add")
        return result


class Hollow(Frozen):
    """What memory is counted with in the place of the second: copies that are there before the step are none of its own."""

    def ahead(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        return x.new_empty(len(x), len(self.weight))

    def back(self, grad: Tensor, other: Tensor | None = None) -> Tensor:
        return grad.new_empty(len(grad), self.weight.shape[1])


def _product(x: Tensor, pack: Tensor, bias: Tensor | None) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, pack, bias, "none", [], "")
    return result


_laid_out: WeakTensorKeyDictionary | None = None
"""Of every weight its version and layout; ``None`` outside of :func:`packs`, and where there is no room."""


@contextmanager
def packs(weights: Iterable[Tensor], processes: int = 1) -> Iterator[None]:
    """Inside, *weights* are laid out when first used, if *processes* like this one have the room for all."""
    global _laid_out
    before, _laid_out = _laid_out, WeakTensorKeyDictionary() if packed_bytes(weights, processes) else None
    try:
        yield
    finally:
        _laid_out = before  # a plan made within a training must not take the training's


def packed_bytes(weights: Iterable[Tensor], processes: int = 1) -> int:
    """Bytes of two copies in bfloat16 of those *weights* that may be laid out; 0 where there is no room for all."""
    once = {id(weight): weight for weight in weights}.values()  # an output layer may be tied
    size = sum(4 * weight.numel() for weight in once if _may_pack(weight))
    return size if size <= SHARE * (main_memory() or 0) / processes else 0


def frozen(weight: Tensor, dtype: torch.dtype) -> Frozen:
    """*weight* for products in *dtype*."""
    if _laid_out is None or dtype != torch.bfloat16 or not _may_pack(weight):
        return Frozen(weight.to(dtype))
    if is_hollow(weight):
        return Hollow(weight)
    known: tuple[int, Frozen] | None = _laid_out.get(weight)
    if known is None or known[0] != weight._version:
        known = _laid_out[weight] = (weight._version, Packed(weight.to(dtype)))
    return known[1]


def _may_pack(weight: Tensor) -> bool:
    here = weight.device.type == "cpu" and weight.is_floating_point() and is_whole(weight) and not weight.requires_grad
    return here and torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
