"""Converts a model of llama2.c into a Hugging Face LLaMA directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from belle_core.errors import BelleError
from belle_core.tokenization import save_tokenizer, tokenizer_from_sentencepiece
from belle_llama2c.checkpoint import Header, read_checkpoint
from belle_llama2c.vocabulary import read_vocabulary, sentencepiece_model

if TYPE_CHECKING:
    import numpy as np


def convert(checkpoint: Path, tokenizer: Path, target: Path) -> None:
    """Writes ``target`` with config, generation config, safetensors (float32) and tokenizer.

    Args:
        checkpoint: the weights, a ``.bin`` of the legacy layout.
        tokenizer: the vocabulary, such as ``tok512.bin``.
        target: a directory that is made if it is not there.

    Raises:
        BelleError: a file is missing or damaged, or the two do not belong together.
    """
    from safetensors.numpy import save_file

    header, weights = read_checkpoint(Path(checkpoint))
    tokens = read_vocabulary(Path(tokenizer))
    if len(tokens) != header.vocab_size:
        raise BelleError(
            f"{tokenizer} has {len(tokens)} tokens but {checkpoint} {header.vocab_size} embedding rows: not one model",
            f"{tokenizer} 有 {len(tokens)} 个词元，{checkpoint} 有 {header.vocab_size} 行词嵌入；两者不配套",
        )
    target = Path(target)
    target.mkdir(parents=True, exist_ok=True)
    save_file(_hugging_face_tensors(header, weights), target / "model.safetensors", metadata={"format": "pt"})
    _save_configs(header, target)
    model = target / "tokenizer.model"
    model.write_bytes(sentencepiece_model(tokens))
    save_tokenizer(tokenizer_from_sentencepiece(model), target, model)


def _save_configs(header: Header, target: Path) -> None:
    """``config.json`` and ``generation_config.json``."""
    from transformers import GenerationConfig, LlamaConfig

    config = LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=header.vocab_size,
        hidden_size=header.hidden_size,
        intermediate_size=header.intermediate_size,
        num_hidden_layers=header.layers,
        num_attention_heads=header.heads,
        num_key_value_heads=header.kv_heads,
        max_position_embeddings=header.context,
        rms_norm_eps=1e-5,
        tie_word_embeddings=header.tied,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        dtype="float32",
    )
    config.save_pretrained(target)
    GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=0).save_pretrained(target)


def _hugging_face_tensors(header: Header, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One tensor per layer under transformers' names, with q and k in its rotary order."""
    import numpy as np

    heads = {"self_attn.q_proj": header.heads, "self_attn.k_proj": header.kv_heads}
    tensors = {f"model.{name}.weight": weights[name] for name in ("embed_tokens", "norm")}
    if not header.tied:
        tensors["lm_head.weight"] = weights["lm_head"]
    for name in (name for name in weights if name.startswith(("self_attn", "mlp")) or name.endswith("layernorm")):
        for layer, weight in enumerate(weights[name]):
            weight = halve_rotary(weight, heads[name]) if name in heads else weight
            tensors[f"model.layers.{layer}.{name}.weight"] = weight
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def halve_rotary(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of each head from neighbouring pairs (Meta, llama2.c) to two halves (Hugging Face); (H*D, E) -> (H*D, E).

    Source: ``permute`` in transformers' ``convert_llama_weights_to_hf.py``.
    """
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
