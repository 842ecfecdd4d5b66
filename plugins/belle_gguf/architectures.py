"""The model families that can be exported: one entry per Hugging Face architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from belle_core.errors import BelleError


@dataclass(frozen=True)
class Architecture:
    """How a family's Hugging Face checkpoint differs from its GGUF file."""

    name: str
    """llama.cpp's name; decides the metadata prefix and, through the `gguf` library, the tensor names."""

    interleaved_rotary: bool
    """Whether llama.cpp rotates neighbouring rows where Hugging Face rotates halves, so that q and k are reordered."""


ARCHITECTURES = {
    "LlamaForCausalLM": Architecture("llama", interleaved_rotary=True),
    "MistralForCausalLM": Architecture("llama", interleaved_rotary=True),
    "Qwen2ForCausalLM": Architecture("qwen2", interleaved_rotary=False),
}


def architecture_of(config: dict[str, Any], where: object) -> Architecture:
    """The entry for a ``config.json``.

    Raises:
        BelleError: the family, its activation or its quantization cannot be exported.
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
    if config.get("hidden_act", "silu") != "silu":
        raise BelleError(
            f"{where}: hidden_act={config['hidden_act']} is not supported by llama.cpp for {names[0]}, only silu",
            f"{where}：llama.cpp 的 {names[0]} 不支持 hidden_act={config['hidden_act']}，只支持 silu",
        )
    return ARCHITECTURES[names[0]]
