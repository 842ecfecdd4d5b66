"""bitsandbytes' quantized linear layers with the scales as buffers, so that these go wherever the bits go.

bitsandbytes keeps scales in attributes of the weight, and FSDP puts another tensor in the weight's place. Only the bits are
divided; every process has all scales: with nf4 an eighth of a bit per weight (half a bit without ``double_quant``).
"""

from __future__ import annotations

from copy import copy
from typing import Any

import bitsandbytes as bnb
import torch
from bitsandbytes import functional
from bitsandbytes.functional import QuantState
from torch import Tensor, nn


class Params4bit(bnb.nn.Params4bit):
    """A weight that is itself where ``to`` changes nothing: peft's DoRA puts the answer in its place on CPUs, and DeepSpeed
    knows the weights that it divided. peft tells quantized weights by the name of their class."""

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """On another device, or itself."""
        return super().to(*args, **kwargs) if moves(self, *args, **kwargs) else self


class Int8Params(bnb.nn.Int8Params):
    """The same in 8 bits."""

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """On another device, or itself."""
        return super().to(*args, **kwargs) if moves(self, *args, **kwargs) else self


class Linear4bit(bnb.nn.Linear4bit):
    """Holds *weight* (outputs, inputs) in nf4; *double* quantizes the scales, too. On the meta device only shapes are held."""

    def __init__(self, weight: Tensor, bias: nn.Parameter | None, *, double: bool) -> None:
        super().__init__(weight.shape[1], weight.shape[0], compute_dtype=weight.dtype, device="meta")
        functional.name2qmap.setdefault(
            "dynamic", functional.create_dynamic_map()
        )  # else it keeps one on the meta device
        settings = {"compress_statistics": double, "quant_type": "nf4"}
        bits, self.quant_state = functional.quantize_4bit(weight.contiguous(), **settings)  # type: ignore[arg-type]
        self.weight = Params4bit(bits, quant_state=self.quant_state, bnb_quantized=True, **settings)  # type: ignore[arg-type]
        self.bias = bias  # type: ignore[assignment]
        for name, tensor in scales(self.quant_state).items():
            self.register_buffer(name, as_bytes(tensor), persistent=False)
        # bitsandbytes packs weights for inference on CPUs with bfloat16 instructions when the dev loss is taken; packed ones
        # pass no gradient on, and not every shape can be packed
        self.support_avx512bf16_for_cpu = False

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) to (…, outputs)."""
        if place(self.quant_state.absmax) != place(self.absmax):  # the buffers have moved
            now = {name: restored(getattr(self, name), old) for name, old in scales(self.quant_state).items()}
            self.quant_state, self.weight.quant_state = filled(self.quant_state, now), None
        return super().forward(x)  # where the weight has no state it takes the layer's


class Linear8bitLt(bnb.nn.Linear8bitLt):
    """Holds *weight* (outputs, inputs) in int8 with a scale per row. On the meta device only shapes are held."""

    def __init__(self, weight: Tensor, bias: nn.Parameter | None) -> None:
        super().__init__(weight.shape[1], weight.shape[0], has_fp16_weights=False, device="meta")
        bits, scale, _ = functional.int8_vectorwise_quant(weight.to(torch.float16))
        self.weight = Int8Params(bits, requires_grad=False, SCB=scale)
        self.bias = bias  # type: ignore[assignment]
        self.register_buffer("scale", as_bytes(scale), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) to (…, outputs)."""
        if not hasattr(self.weight, "CB"):
            self.weight = Int8Params(self.weight.data, requires_grad=False)
        self.weight.CB, self.weight.SCB = self.weight.data, self.scale.view(torch.float32)
        return super().forward(x)


def moves(tensor: Tensor, *args: Any, **kwargs: Any) -> bool:
    """Whether ``tensor.to(…)`` with these arguments would be another tensor."""
    device, dtype, *_ = torch._C._nn._parse_to(*args, **kwargs)
    return device not in (None, tensor.device) or dtype not in (None, tensor.dtype)


def place(tensor: Tensor) -> int:
    """What tells memory apart, also where there is no content."""
    return tensor.untyped_storage()._cdata


def scales(state: QuantState) -> dict[str, Tensor]:
    """The tensors of *state*, by the names of their buffers."""
    found = {"absmax": state.absmax, "code": state.code}
    if state.nested:
        found |= {"offset": state.offset, "absmax_of_absmax": state.state2.absmax, "code_of_absmax": state.state2.code}
    return found


def filled(state: QuantState, tensors: dict[str, Tensor]) -> QuantState:
    """*state* with others in their place."""
    new = copy(state)
    new.absmax, new.code = tensors["absmax"], tensors["code"]
    if state.nested:
        new.offset, new.state2 = tensors["offset"], copy(state.state2)
        new.state2.absmax, new.state2.code = tensors["absmax_of_absmax"], tensors["code_of_absmax"]
    return new


def as_bytes(tensor: Tensor) -> Tensor:
    """The same memory, which stays as it is when a model's floats are converted."""
    return tensor.reshape(-1).view(torch.uint8)


def restored(data: Tensor, like: Tensor) -> Tensor:
    """The inverse of :func:`as_bytes`, for what was *like* this one."""
    return data.view(like.dtype).view(like.shape)
