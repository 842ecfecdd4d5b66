"""Writes what llama.cpp must know of a model besides its weights and its vocabulary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from belle_core.errors import BelleError
from belle_gguf.architectures import Architecture

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFWriter


def head_size(config: dict[str, Any]) -> int:
    """Rows of one attention head."""
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def kv_heads(config: dict[str, Any]) -> int:
    """Heads of keys and values; fewer than those of queries with grouped-query attention."""
    return config.get("num_key_value_heads") or config["num_attention_heads"]


def rope(config: dict[str, Any]) -> dict[str, Any]:
    """Rotary settings: transformers 5's ``rope_parameters``, or ``rope_theta`` and ``rope_scaling`` of earlier ones.

    Of Gemma 3, which has two, those of the layers that see all positions.
    """
    settings = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    settings = dict(settings.get("full_attention", settings))
    settings["rope_theta"] = settings.get("rope_theta") or config.get("rope_theta") or 10000.0
    settings["rope_type"] = settings.get("rope_type") or settings.get("type") or "default"
    return settings


def add_hyperparameters(writer: GGUFWriter, config: dict[str, Any], architecture: Architecture) -> None:
    """Sizes, norm, position and window settings from a ``config.json``.

    Raises:
        BelleError: the rotary scaling is of a kind that is not exported.
    """
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(_context(config, architecture))
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(kv_heads(config))
    if "layer_norm_epsilon" in config:  # BLOOM, whose positions are biases of the attention (ALiBi)
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    else:
        _add_rotary(writer, config)
    if architecture.window:
        _add_windows(writer, config)


def _add_rotary(writer: GGUFWriter, config: dict[str, Any]) -> None:
    size, settings = head_size(config), rope(config)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(size)
    writer.add_rope_freq_base(settings["rope_theta"])
    _add_rope_scaling(writer, settings)


def _add_windows(writer: GGUFWriter, config: dict[str, Any]) -> None:
    """Gemma 2 and 3: windows, the rotation within them, and bounds of the logits."""
    writer.add_sliding_window(config["sliding_window"])
    within = (config.get("rope_parameters") or {}).get("sliding_attention") or {}
    writer.add_rope_freq_base_swa(
        within.get("rope_theta") or config.get("rope_local_base_freq") or rope(config)["rope_theta"]
    )
    if bound := config.get("attn_logit_softcapping"):
        writer.add_attn_logit_softcapping(bound)
    if bound := config.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(bound)


def rope_factors(config: dict[str, Any]) -> np.ndarray | None:
    """LLaMA 3's divisors of the rotary frequencies, float32 (head size / 2,); None without that scaling.

    Source: ``_compute_llama3_parameters`` of transformers.
    """
    import numpy as np

    settings = rope(config)
    if settings["rope_type"] != "llama3":
        return None
    size = head_size(config)
    wavelength = 2 * math.pi * settings["rope_theta"] ** (np.arange(0, size, 2, dtype=np.float64) / size)
    low, high, factor = (settings[name] for name in ("low_freq_factor", "high_freq_factor", "factor"))
    old = settings["original_max_position_embeddings"]
    smooth = np.clip((old / wavelength - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)


def _context(config: dict[str, Any], architecture: Architecture) -> int:
    """Positions that llama.cpp computes as the model does: where it knows no window, those within the first."""
    used = config.get("use_sliding_window", True) and not architecture.window
    window = config.get("sliding_window") if used else None
    return min(config["max_position_embeddings"], window or config["max_position_embeddings"])


def _add_rope_scaling(writer: GGUFWriter, settings: dict[str, Any]) -> None:
    from gguf import RopeScalingType

    kind = settings["rope_type"]
    if kind == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(settings["factor"])
    elif kind not in ("default", "llama3"):
        raise BelleError(
            f"rotary scaling {kind!r} cannot be exported to GGUF; default, linear and llama3 can",
            f"旋转位置编码的缩放方式 {kind!r} 不能导出为 GGUF；支持 default、linear 和 llama3",
        )
