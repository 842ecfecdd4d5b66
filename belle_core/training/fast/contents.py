"""Tells a weight that is divided among processes, and a tensor that has no content, from one that is all there."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

WHOLE = (torch.nn.Parameter, Tensor, FakeTensor)


def is_whole(weight: Tensor) -> bool:
    """Whether *weight* can be computed with as it is; FSDP2 has a type of its own for parts, DeepSpeed ZeRO-3 marks them."""
    return type(weight) in WHOLE and not hasattr(weight, "ds_id")


def is_hollow(tensor: Tensor) -> bool:
    """Whether *tensor* is there for its shape alone, to count memory: of what is done in parts the two largest will do,
    one of which is still there while the other is made."""
    return type(tensor) is FakeTensor
