"""How much of a quantized model is not quantized."""

from __future__ import annotations

from typing import Any

from torch import nn


def left_in_floats(model: Any) -> int:
    """Numbers in frozen matrices that stay in floats beside quantized ones; 0 for a model without any quantized ones.

    Embeddings, the output and vectors (norms, biases) do not count: they are meant to stay.
    """
    if all(p.is_floating_point() for p in model.parameters()):
        return 0
    embeddings = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    meant = {id(p) for end in (*embeddings, model.get_output_embeddings()) if end for p in end.parameters()}
    matrices = (p for p in model.parameters() if p.is_floating_point() and p.ndim > 1 and not p.requires_grad)
    return sum(p.numel() for p in matrices if id(p) not in meant)
