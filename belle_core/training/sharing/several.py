"""What all ways of sharing between processes have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, distributed, nn

from belle_core.training.sharing.alone import Alone


class Several(Alone):
    """Processes that communicate, started by belle or by torchrun."""

    def total(self, values: Tensor) -> Tensor:
        """The sum of *values* over all ranks."""
        values = values.clone()
        distributed.all_reduce(values)
        return values

    def any(self, flag: bool, device: Any) -> bool:
        """Whether *flag* is set on any rank."""
        return bool(self.total(torch.tensor(float(flag), device=device)))


def first_says(flag: bool) -> bool:
    """*flag* of the first process; begins to communicate a little before Lightning would."""
    if not distributed.is_initialized():
        distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    told = torch.tensor(float(flag))
    distributed.broadcast(told, 0)
    return bool(told)


def received(parts: list[nn.Module], device: Any, rank: int) -> Iterator[Tensor]:
    """Put the first process's weights and buffers in these modules of every process, on *device*; yields one after the other.

    Tied ones stay tied. The others need none before, so that not every process of a machine reads the whole model.
    """
    places: dict[int, list[tuple[dict[str, Any], str]]] = {}
    both: list[dict[str, Any]] = [kept for part in parts for kept in (part._parameters, part._buffers)]
    for kept in both:
        for name, tensor in kept.items():
            if tensor is not None:
                places.setdefault(id(tensor), []).append((kept, name))
    for (kept, name), *others in places.values():
        kept[name] = _received(kept[name], device, rank)
        for other, called in others:
            other[called] = kept[name]
        yield kept[name]


def _received(tensor: Tensor, device: Any, rank: int) -> Tensor:
    """Of the same class, such as a quantized weight's, with the same attributes."""
    plain = tensor.detach().as_subclass(Tensor)
    data = plain.to(device).contiguous() if rank == 0 else torch.empty_like(plain, device=device)
    distributed.broadcast(data, 0)
    new: Tensor = Tensor._make_subclass(type(tensor), data, tensor.requires_grad)
    vars(new).update(vars(tensor))
    return new
