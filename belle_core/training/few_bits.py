"""4-bit layers that bitsandbytes' kernels for CPUs cannot take."""

from __future__ import annotations

from typing import Any

ROWS = 32
"""Outputs that these kernels take together (``bitsandbytes.functional._convert_weight_packed_for_cpu``)."""


def keep_odd_shapes_unpacked(model: Any) -> None:
    """Let layers whose shape cannot be packed be computed in the general way.

    On CPUs with bfloat16 instructions bitsandbytes packs every weight before its first use and fails where rows are not
    a multiple of 32, or columns no whole number of blocks with a scale each.
    """
    for layer in model.modules():
        if getattr(layer, "support_avx512bf16_for_cpu", False):
            block = layer.weight.quant_state.blocksize
            layer.support_avx512bf16_for_cpu = layer.out_features % ROWS == 0 and layer.in_features % block == 0
