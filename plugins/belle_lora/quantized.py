"""Holds the linear layers of a model in 4 or 8 bits (bitsandbytes), so that an adapter can be trained beside them."""

from __future__ import annotations

from typing import Any

import bitsandbytes as bnb
from torch import nn
from transformers import PreTrainedModel

from belle_lora.config import QloraConfig


def quantize(model: PreTrainedModel, config: QloraConfig) -> None:
    """Replace every ``nn.Linear`` but the output layer in place, one at a time, so that little more memory is needed.

    Embeddings and norms stay as they are. Weights that peft should see as quantized are marked as transformers does.
    """
    model.requires_grad_(False)
    output = model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and child is not output:
                setattr(parent, name, _quantized(child, config))
    mark: Any = model
    mark.is_loaded_in_4bit, mark.is_loaded_in_8bit = config.format == "nf4", config.format == "int8"


def _quantized(layer: nn.Linear, config: QloraConfig) -> nn.Module:
    sizes, bias, dtype = (layer.in_features, layer.out_features), layer.bias is not None, layer.weight.dtype
    new: Any
    if config.format == "nf4":
        new = bnb.nn.Linear4bit(
            *sizes, bias, compute_dtype=dtype, compress_statistics=config.double_quant, quant_type="nf4", device="meta"
        )
        settings = {"compress_statistics": config.double_quant, "quant_type": "nf4"}
        new.weight = bnb.nn.Params4bit(layer.weight.data, requires_grad=False, **settings)
        # bitsandbytes packs weights for inference on CPUs with bfloat16 instructions when the dev loss is taken; packed ones
        # pass no gradient on, and not every shape can be packed
        new.support_avx512bf16_for_cpu = False
    else:
        new = bnb.nn.Linear8bitLt(*sizes, bias, has_fp16_weights=False, device="meta")
        new.weight = bnb.nn.Int8Params(layer.weight.data, requires_grad=False, has_fp16_weights=False)
    new.bias = layer.bias
    return new.to(layer.weight.device)  # type: ignore[no-any-return]  # quantizes
