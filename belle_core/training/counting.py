"""Counts the bytes that operations ask for, on tensors without content."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

PAGE, LARGE = 512, 10 << 20
"""Bytes in multiples of which PyTorch hands out memory of a GPU; from ``LARGE`` on in multiples of 2 MB."""
GROUPED = getattr(torch.ops.aten, "_grouped_mm", None) and torch.ops.aten._grouped_mm.default
"""Products of experts' weights, for which torch knows the shape of the result in bfloat16 only."""


class Watch(TorchDispatchMode):
    """Inside, every storage that an operation makes is counted until it is let go; those of *known* tensors are not.

    Questions for content, which is not there, are answered with 0, and whether two tensors are equal with yes.
    """

    def __init__(self, known: Iterable[Tensor] = (), gradients: Callable[[], int] = int) -> None:
        super().__init__()
        self.known = {tensor.untyped_storage()._cdata for tensor in known}
        self.gradients = gradients
        self.now = gradients()
        self.peaks: dict[Any, int] = {}
        """The most bytes that were there at once, by stretch of the way."""
        self.held: dict[Any, int] = {}
        """Bytes of gradients as each stretch began."""
        self.enter("begin")

    def enter(self, stretch: Any) -> None:
        """What follows belongs to *stretch*; what is there already counts."""
        self.stretch = stretch
        self.peaks[stretch] = max(self.peaks.get(stretch, 0), self.now)
        self.held.setdefault(stretch, self.gradients())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            return False if args[0].dtype is torch.bool else 0
        if func is torch.ops.aten.equal.default:
            return True
        made = _grouped(*args, **(kwargs or {})) if func is GROUPED else func(*args, **(kwargs or {}))
        for value in tree_leaves(made):
            if isinstance(value, Tensor) and value.device.type != "meta":
                self._see(value.untyped_storage())
        return made

    def _see(self, storage: Any) -> None:
        key, size = storage._cdata, _taken(storage)
        if key not in self.known:
            self.known.add(key)
            self.now += size
            self.peaks[self.stretch] = max(self.peaks[self.stretch], self.now)
            weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


def _grouped(a: Tensor, b: Tensor, offs: Tensor | None = None, *_: Any, out_dtype: Any = None, **__: Any) -> Tensor:
    groups = () if offs is None or {a.ndim, b.ndim} == {2, 3} else offs.shape
    if a.ndim == b.ndim == 3:
        groups = a.shape[:1]
    return a.new_empty(*groups, a.shape[-2], b.shape[-1], dtype=out_dtype)


def tensors(model: nn.Module) -> list[Tensor]:
    """Weights and buffers of *model*, with the tables of quantized weights."""
    found = [*model.parameters(), *model.buffers()]
    return found + [value for p in model.parameters() for value in _inner(p)]


def size(values: Iterable[Tensor]) -> int:
    """Bytes of *values*, of those that share memory once."""
    return sum({v.untyped_storage()._cdata: v.untyped_storage().nbytes() for v in values}.values())


def _taken(storage: Any) -> int:
    size: int = storage.nbytes()
    if storage.device.type == "cpu" or not size:
        return size
    return -(-size // (2 << 20)) * (2 << 20) if size >= LARGE else -(-size // PAGE) * PAGE


def say_where(model: nn.Module, mode: FakeTensorMode, device: torch.device) -> None:
    """Let the weights of *model*, which are on the meta device, say that they are on *device*, so that what is done there is done."""
    made: dict[int, Tensor] = {}

    def moved(value: Any) -> Any:
        if isinstance(value, Tensor):
            if id(value) not in made:
                fake: Tensor = FakeTensor(mode, value.detach().to("meta"), device)
                made[id(value)] = nn.Parameter(fake, value.requires_grad) if isinstance(value, nn.Parameter) else fake
                vars(made[id(value)]).update({name: moved(inner) for name, inner in vars(value).items()})
            return made[id(value)]
        if _is_table(value):
            vars(value).update({name: moved(inner) for name, inner in vars(value).items()})
        return value

    for module in model.modules():
        for group in (module._parameters, module._buffers):
            group.update({name: moved(value) for name, value in group.items()})


def _inner(value: Any) -> Iterable[Tensor]:
    for inner in vars(value).values():
        if isinstance(inner, Tensor):
            yield inner
        elif _is_table(inner):
            yield from _inner(inner)


def _is_table(value: Any) -> bool:
    """Whether *value* is what bitsandbytes keeps of a quantized weight beside its bits."""
    return type(value).__name__ == "QuantState"
