"""Small real models for tests: one with random weights, and one whose answer to everything is known beforehand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from belle_core.tokenization import SegmentEncoder, save_tokenizer, tokenizer_from_sentencepiece, train_sentencepiece
from belle_core.training.loading import Loaded, template_named
from belle_core.training.saving import save_model

CHARACTERS = "你好世界一加等于二三 请回答问题 Human: Assistant: 0123456789"


def tokenizer_in(directory: Path, characters: str = CHARACTERS):
    """A character tokenizer, its files in *directory*."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "tokenizer.model"
    path.write_bytes(train_sentencepiece([characters] * 2, vocab_size=600, max_piece_length=1))
    tokenizer = tokenizer_from_sentencepiece(path)
    save_tokenizer(tokenizer, directory, path)
    return tokenizer


def random_model(directory: Path, *, context_length: int = 128) -> Path:
    """A LLaMA with random weights in Hugging Face layout, as a training step leaves it."""
    tokenizer = tokenizer_in(_files(directory))
    torch.manual_seed(0)
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    return _saved(
        LlamaForCausalLM(_config(tokenizer, context_length, **sizes, initializer_range=0.3)), tokenizer, directory
    )


def saying(directory: Path, answer: str, *, context_length: int = 128) -> Path:
    """A LLaMA that answers every question in BELLE's format with *answer*, whose tokens must all differ.

    Its layers add nothing, embeddings are one-hot, and the output row of each token points at the one before it.
    """
    tokenizer = tokenizer_in(_files(directory))
    last_of_prompt = SegmentEncoder(tokenizer).encode("\n", after_text=True)
    chain = [*last_of_prompt, *SegmentEncoder(tokenizer).encode(answer, after_text=True), tokenizer.eos_token_id]
    assert len(set(chain)) == len(chain), "a token occurs twice"
    size = len(tokenizer)
    model = LlamaForCausalLM(
        _config(
            tokenizer,
            context_length,
            hidden_size=size + size % 2,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            head_dim=8,
        )
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.fill_(1.0 if "norm" in name else 0.0)
        model.model.embed_tokens.weight.copy_(torch.eye(*model.model.embed_tokens.weight.shape))
        for before, after in pairwise(chain):
            model.lm_head.weight[after, before] = 1.0
    return _saved(model, tokenizer, directory)


def _config(tokenizer, context_length: int, **sizes) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=context_length,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
        **sizes,
    )


def _saved(model, tokenizer, directory: Path) -> Path:
    save_model(Loaded(model, tokenizer, template_named("belle"), _files(directory), {}, "float32"), directory)
    return directory


def _files(directory: Path) -> Path:
    """Where the tokenizer lies that *directory* gets."""
    return directory.with_name(f"{directory.name}-tokenizer")
