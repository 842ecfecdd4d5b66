"""One process does everything; also what the other ways of sharing are changes of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Alone:
    """One process; its methods say what several must agree on."""

    def __init__(self, rank: int = 0, ranks: int = 1) -> None:
        self.rank, self.ranks = rank, ranks

    def options(self, precision: str) -> dict[str, Any]:
        """Of Lightning's ``Trainer``."""
        return {"precision": held(precision)}

    def callee(self, module: Any) -> Any:
        """What is called in place of ``module.model``."""
        return module.model

    def learned(self, p: Tensor) -> bool:
        """Whether *p* has a gradient."""
        return p.grad is not None

    def agreed(self, flag: bool) -> bool:
        """What the first process says, where the others cannot know; asked before training."""
        return flag

    def divide(self, module: Any) -> None:
        """Divide the weights of ``module.model``, where that is what is shared."""

    def gather(self, model: nn.Module) -> None:
        """Undo it after training: the first process gets all weights."""

    @contextmanager
    def independent(self, model: nn.Module) -> Iterator[None]:
        """Whole weights on every process, so that each can call *model* by itself."""
        yield

    def parts(self, module: Any) -> list[Tensor]:
        """What this process keeps of the weights that train; :meth:`changed` must follow when they are written to."""
        return [p.detach() for _, p in module.trainable]

    def changed(self, module: Any) -> None:
        """Let the model compute with what the parts hold now."""

    def whole(self, module: Any, parts: Sequence[Tensor]) -> dict[str, Tensor]:
        """Tensors that are divided like the parts as the weights that they belong to, by name; the first process gets them."""
        return dict(zip((name for name, _ in module.trainable), parts, strict=True))

    def share(self, module: Any, whole: Mapping[str, Tensor]) -> list[Tensor]:
        """The inverse of :meth:`whole` from what every process has read, float32, new."""
        return [whole[name].to(p.device, torch.float32, copy=True) for name, p in module.trainable]

    @contextmanager
    def backward(self, module: Any, *, last: bool) -> Iterator[float]:
        """Around the backward pass of one batch; gradients need to be whole after the *last* one of a step.

        Yields what the loss is to be multiplied by, so that the sum over all ranks comes out.
        """
        yield 1.0

    def clip(self, module: Any, limit: float) -> Tensor:
        """Scale the gradients down to the norm *limit* (0: leave them); returns the norm that they had."""
        return nn.utils.clip_grad_norm_([p for _, p in module.trainable], limit or math.inf)

    def norm(self, module: Any, clipped: float) -> float:
        """The gradient's norm, after the update; *clipped* is what :meth:`clip` said."""
        return clipped

    def total(self, values: Tensor) -> Tensor:
        """The sum of *values* over all ranks."""
        return values

    def any(self, flag: bool, device: Any) -> bool:
        """Whether *flag* is set on any rank."""
        return flag


def held(precision: str) -> str:
    """What Lightning is told: where all is bfloat16 already, it would convert the labels' weights, too."""
    return "32-true" if precision == "bf16-true" else precision


@contextmanager
def holding(parts: Sequence[Tensor], values: Sequence[Tensor]) -> Iterator[None]:
    """*values* in the *parts*; afterwards what they held is back bit for bit."""
    kept = [part.clone() for part in parts]
    put(parts, values)
    try:
        yield
    finally:
        put(parts, kept)


@torch.no_grad()
def put(parts: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Write *values* into the *parts*."""
    for part, value in zip(parts, values, strict=True):
        part.copy_(value)
