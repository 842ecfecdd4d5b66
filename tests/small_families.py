"""The families that belle stands behind, built small: architecture, tokenizer of the family's kind, checkpoint directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from belle_gguf.byte_level import NAMES
from tiny_training import conversation
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from belle_core.tokenization import load_tokenizer, save_tokenizer, tokenizer_from_sentencepiece, train_sentencepiece

SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 256, "tie_word_embeddings": False,
}  # fmt: skip
ROPE3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip
GEMMA = SIZES | {"head_dim": 32, "tie_word_embeddings": True}
SCALED = GEMMA | {"query_pre_attn_scalar": 32, "sliding_window": 16}
PATTERN = ["sliding_attention"] * 5 + ["full_attention"]

FAMILIES: dict[str, tuple[dict[str, Any], str]] = {
    "llama": ({"model_type": "llama", **SIZES}, "sentencepiece"),
    "llama3": ({"model_type": "llama", **SIZES, "rope_parameters": ROPE3}, "llama-bpe"),
    "mistral": ({"model_type": "mistral", **SIZES, "head_dim": 16}, "sentencepiece"),
    "qwen2": ({"model_type": "qwen2", **SIZES}, "qwen2"),
    "qwen3": ({"model_type": "qwen3", **SIZES, "head_dim": 32, "tie_word_embeddings": True}, "qwen2"),
    "bloom": ({"model_type": "bloom", "hidden_size": 64, "n_layer": 2, "n_head": 4}, "bloom"),
    "gemma": ({"model_type": "gemma", **GEMMA}, "sentencepiece"),
    "gemma2": ({"model_type": "gemma2", **SCALED}, "sentencepiece"),
    "gemma3": (
        {"model_type": "gemma3_text", **SCALED, "num_hidden_layers": 6, "layer_types": PATTERN},
        "sentencepiece",
    ),
}
"""Config values and the kind of tokenizer."""
TEXTS = ["Human: \n\nAssistant: \n", *(conversation(i).question for i in range(80))]


def make_tokenizer(directory: Path, kind: str) -> None:
    """A directory with ``tokenizer.model`` (SentencePiece) or a byte-level ``tokenizer.json`` of the pattern *kind*."""
    directory.mkdir(parents=True, exist_ok=True)
    if kind == "sentencepiece":
        model = directory / "tokenizer.model"
        model.write_bytes(train_sentencepiece(TEXTS, vocab_size=400, max_piece_length=1))
        save_tokenizer(tokenizer_from_sentencepiece(model), directory, model)
        return
    backend = Tokenizer(models.BPE(ignore_merges=kind == "llama-bpe"))
    pattern = {name: pattern for pattern, name in NAMES.items()}[kind]
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), level])
    backend.decoder = decoders.ByteLevel()
    options: dict[str, Any] = {"vocab_size": 400, "special_tokens": ["<s>", "</s>"], "show_progress": False}
    backend.train_from_iterator(TEXTS, trainers.BpeTrainer(initial_alphabet=level.alphabet(), **options))
    save_tokenizer(PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>"), directory)


def make_checkpoint(directory: Path, family: str) -> Path:
    """Random weights and a tokenizer; vectors are no zeros or ones, which would hide a missing one."""
    values, kind = FAMILIES[family]
    make_tokenizer(directory, kind)
    torch.manual_seed(0)
    tokenizer = load_tokenizer(directory)
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**values, vocab_size=len(tokenizer), initializer_range=0.1, **special)
    )
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(directory)
    return directory
