"""Holds the linear layers of a model in 4 or 8 bits (bitsandbytes), so that an adapter can be trained beside them."""

from __future__ import annotations

from typing import Any

import bitsandbytes as bnb
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from belle_core.errors import BelleError
from belle_lora.bits import Linear4bit, Linear8bitLt
from belle_lora.config import QloraConfig
from belle_lora.plain import matrix_of

Updates = dict[str, tuple[Tensor, Tensor]]
"""``A`` (rank, inputs) and ``B`` (outputs, rank) of layers, by name, float32."""


def quantize(model: PreTrainedModel, config: QloraConfig) -> Updates:
    """Replace every linear layer but the output in place, one at a time, so that little more memory is needed.

    Embeddings, norms and what is no linear layer (experts that share one tensor) stay as they are. Weights that peft should see as quantized are marked as transformers does.
    With ``init=loftq`` returns for every layer the low-rank product that comes closest to what the bits lost.
    Raises ``BelleError`` for a model without a layer to quantize.
    """
    lost: Updates = {}
    model.requires_grad_(False)
    output = model.get_output_embeddings()
    names = [name for name, child in model.named_modules() if child is not output and matrix_of(child) is not None]
    if not names:
        raise BelleError(
            f"train=qlora: {type(model).__name__} has no linear layer to quantize; say train=lora",
            f"train=qlora：{type(model).__name__} 没有可量化的线性层；请使用 train=lora",
        )
    for name in names:
        layer: Any = model.get_submodule(name)
        matrix = matrix_of(layer)
        assert matrix is not None
        new = _quantized(matrix.contiguous(), layer.bias, config)
        if config.init == "loftq":
            held = bnb.functional.dequantize_4bit(new.weight.data, new.weight.quant_state)  # type: ignore[arg-type]
            lost[name] = factors(matrix.float() - held.float(), config.rank)
        model.set_submodule(name, new)
    for rest in [p for p in model.parameters() if type(p) is nn.Parameter]:
        rest.data = rest.data.clone()  # else the whole file that the weights were read from stays in memory
    mark: Any = model
    mark.is_loaded_in_4bit, mark.is_loaded_in_8bit = config.format == "nf4", config.format == "int8"
    return lost


def factors(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """``A`` and ``B`` of equal scale with ``B A`` close to the best approximation of *matrix* (outputs, inputs) of that rank.

    Source: LoftQ (arXiv 2310.08659), algorithm 1 with one round; the singular vectors by a randomized method.
    """
    left, values, right = torch.svd_lowrank(matrix, q=min(2 * rank, *matrix.shape), niter=8)
    root = values[:rank].sqrt()
    return (right[:, :rank] * root).T.contiguous(), left[:, :rank] * root


def _quantized(matrix: Tensor, bias: nn.Parameter | None, config: QloraConfig) -> nn.Module:
    if config.format == "nf4":
        return Linear4bit(matrix, bias, double=config.double_quant)
    return Linear8bitLt(matrix, bias)
