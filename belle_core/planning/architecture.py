"""The numbers of a decoder of LLaMA's kind, and what follows from them: layers and weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QKV_BIAS = ("qwen2",)
QK_NORM = ("qwen3",)
TIED_BY_DEFAULT = ("gemma",)
FAMILIES = ("llama", "mistral", "gemma", *QKV_BIAS, *QK_NORM)
HEAD_DIM = {"gemma": 256, "qwen3": 128}
"""Families whose heads have a width of their own when the config does not state it (transformers' defaults)."""


@dataclass(frozen=True)
class Architecture:
    """A decoder of blocks: RMSNorm, grouped-query attention (arXiv 2305.13245), RMSNorm, gated feed-forward."""

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    tied: bool
    qkv_bias: bool = False
    qk_norm: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False

    @classmethod
    def of(cls, values: dict[str, Any], vocabulary: int | None = None) -> Architecture | None:
        """From Hugging Face config values; ``None`` for another kind of model or when a number is missing.

        ``vocabulary`` is the tokenizer's size, for a model that is built for it.
        """
        family = values.get("model_type", "llama")
        size = vocabulary or values.get("vocab_size") or 0
        numbers = [
            values.get(name)
            for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        ]
        if family not in FAMILIES or not size or not all(isinstance(n, int) and n > 0 for n in numbers):
            return None
        hidden, intermediate, layers, heads = (int(n) for n in numbers if n)
        return cls(
            vocabulary=size,
            hidden=hidden,
            intermediate=intermediate,
            layers=layers,
            heads=heads,
            kv_heads=values.get("num_key_value_heads") or heads,
            head_dim=values.get("head_dim") or HEAD_DIM.get(family) or hidden // heads,
            tied=bool(values.get("tie_word_embeddings", family in TIED_BY_DEFAULT)),
            qkv_bias=family in QKV_BIAS,
            qk_norm=family in QK_NORM,
            attention_bias=bool(values.get("attention_bias", False)),
            mlp_bias=bool(values.get("mlp_bias", False)),
        )

    def linear(self) -> dict[str, tuple[int, int]]:
        """(inputs, outputs) of every linear layer of one block, by its name in transformers."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "q_proj": (self.hidden, queries),
            "k_proj": (self.hidden, keys),
            "v_proj": (self.hidden, keys),
            "o_proj": (queries, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    @property
    def matrices(self) -> int:
        """Weights of all linear layers of all blocks, without biases."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.linear().values())

    @property
    def parameters(self) -> int:
        """Number of weights; a tied output counts once."""
        shapes = self.linear()
        vectors = 2 * self.hidden + (2 * self.head_dim if self.qk_norm else 0)
        if self.qkv_bias or self.attention_bias:
            vectors += sum(shapes[name][1] for name in ("q_proj", "k_proj", "v_proj"))
        if self.attention_bias and not self.qkv_bias:
            vectors += self.hidden
        if self.mlp_bias:
            vectors += 2 * self.intermediate + self.hidden
        tables = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return self.matrices + self.layers * vectors + tables + self.hidden

    def adapter(self, rank: int, targets: list[str]) -> int | None:
        """Weights of a low-rank update of *targets* (arXiv 2106.09685): ``rank * (inputs + outputs)`` for each layer.

        ``None`` when a target is no layer of a block, so that its shape is not known here.
        """
        shapes = self.linear()
        names = list(shapes) if "all-linear" in targets else targets
        if not all(name in shapes for name in names):
            return None
        return self.layers * sum(rank * sum(shapes[name]) for name in set(names))


def read_config(directory: Path) -> dict[str, Any] | None:
    """``config.json`` of a model's directory, ``None`` when there is none that can be read."""
    try:
        values = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
