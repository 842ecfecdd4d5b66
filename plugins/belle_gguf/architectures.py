"""The model families that can be exported: one entry per Hugging Face architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from belle_core.errors import BelleError
from belle_gguf.changes import Change, interleaved, separated, shifted, unchanged

ATTENTION = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output")
GATED = (*ATTENTION, "ffn_norm", "ffn_gate", "ffn_up", "ffn_down")
NORMED_HEADS = ("attn_q_norm", "attn_k_norm")
SANDWICH = ("post_attention_norm", "post_ffw_norm")
FUSED = ("attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down")


@dataclass(frozen=True)
class Architecture:
    """How a family's Hugging Face checkpoint differs from its GGUF file."""

    name: str
    """llama.cpp's name; decides the metadata prefix and, through the `gguf` library, the tensor names."""
    change: Callable[[str, dict[str, Any]], Change | None] = unchanged
    """From a tensor's GGUF name and the config to what is done with it."""
    block: tuple[str, ...] = GATED
    """Tensors that every block must have."""
    activations: tuple[str, ...] = ("silu",)
    """Names in the config of the one activation that llama.cpp computes."""
    window: int = 0
    """Every so many layers one sees all positions and the others a window; 0: llama.cpp computes no windows."""
    scale: bool = False
    """Whether the config states what queries are scaled by; llama.cpp knows the released models' value only."""
    standard: Callable[[dict[str, Any]], dict[str, Any]] = dict
    """The config under the names that LLaMA's has."""


def _bloom(config: dict[str, Any]) -> dict[str, Any]:
    """BLOOM has names of its own, a feed-forward of four times the width, and positions without limit (ALiBi)."""
    width = config.get("hidden_size") or config["n_embed"]
    return {
        **config,
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": config.get("n_layer") or config["num_hidden_layers"],
        "num_attention_heads": config.get("n_head") or config["num_attention_heads"],
        "max_position_embeddings": config.get("seq_length") or config.get("max_position_embeddings") or 2048,
        "tie_word_embeddings": config.get("tie_word_embeddings", True),
    }


def _gemma(config: dict[str, Any]) -> dict[str, Any]:
    """The output is always the embedding."""
    return {
        **config,
        "tie_word_embeddings": True,
        "hidden_act": config.get("hidden_activation") or config["hidden_act"],
    }


GELU = ("gelu_pytorch_tanh", "gelu")
ARCHITECTURES = {
    "LlamaForCausalLM": Architecture("llama", interleaved),
    "MistralForCausalLM": Architecture("llama", interleaved),
    "Qwen2ForCausalLM": Architecture("qwen2"),
    "Qwen3ForCausalLM": Architecture("qwen3", block=(*GATED, *NORMED_HEADS)),
    "BloomForCausalLM": Architecture("bloom", separated, FUSED, standard=_bloom),
    "GemmaForCausalLM": Architecture("gemma", shifted, activations=GELU, standard=_gemma),
    "Gemma2ForCausalLM": Architecture(
        "gemma2", shifted, (*GATED, *SANDWICH), GELU, window=2, scale=True, standard=_gemma
    ),
    "Gemma3ForCausalLM": Architecture(
        "gemma3", shifted, (*GATED, *SANDWICH, *NORMED_HEADS), GELU, window=6, scale=True, standard=_gemma
    ),
}


def architecture_of(config: dict[str, Any], where: object) -> Architecture:
    """The entry for a ``config.json``.

    Raises:
        BelleError: the family, its activation, its attention or its quantization cannot be exported.
    """
    names = config.get("architectures") or ["none"]
    known = ", ".join(sorted(ARCHITECTURES))
    if names[0] not in ARCHITECTURES:
        raise BelleError(
            f"{where}: GGUF export of {names[0]} is not supported; these work: {known}",
            f"{where}：不支持把 {names[0]} 导出为 GGUF；支持的有：{known}",
        )
    if config.get("quantization_config"):
        raise BelleError(
            f"{where}: the model is quantized; export the model it was made from",
            f"{where}：该模型已量化；请导出量化之前的模型",
        )
    architecture = ARCHITECTURES[names[0]]
    if wrong := _wrong(architecture, architecture.standard(config)):
        raise BelleError(
            f"{where}: llama.cpp computes no {names[0]} with {wrong}",
            f"{where}：llama.cpp 不支持 {wrong} 的 {names[0]}",
        )
    return architecture


def _wrong(architecture: Architecture, config: dict[str, Any]) -> str | None:
    """The first setting that llama.cpp would compute otherwise, as it stands in the config."""
    active = config.get("hidden_act", architecture.activations[0])
    if active not in architecture.activations:
        return f"hidden_act={active}"
    if config.get("apply_residual_connection_post_layernorm"):
        return "apply_residual_connection_post_layernorm=true"
    if architecture.window and (kinds := config.get("layer_types")):
        full = [number % architecture.window == architecture.window - 1 for number in range(len(kinds))]
        if [kind == "full_attention" for kind in kinds] != full:
            return f"layer_types that are not one full_attention in {architecture.window}"
    if architecture.scale:
        scale = config.get("query_pre_attn_scalar")
        largest = config["num_hidden_layers"] in (46, 62)  # Gemma 2 and 3 27B
        if scale != (config["hidden_size"] // config["num_attention_heads"] if largest else config["head_dim"]):
            return f"query_pre_attn_scalar={scale}"
    return None
