"""The numbers of a decoder of LLaMA's kind, and what follows from them: layers and weights."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QKV_BIAS = ("qwen2",)
QK_NORM = ("qwen3",)
TIED_BY_DEFAULT = ("gemma",)
FAMILIES = ("llama", "mistral", "gemma", *QKV_BIAS, *QK_NORM)
LEAN = ("llama", "mistral", "qwen2", "qwen3")
"""Families whose layers have a backward pass of their own (``belle_core.training.fast``)."""
OUTPUT, EMBEDDING = "lm_head", "embed_tokens"
HEAD_DIM = {"gemma": 256, "qwen3": 128}
"""Families whose heads have a width of their own when the config does not state it (transformers' defaults)."""


@dataclass(frozen=True)
class Weight:
    """*number* tensors of one name and shape."""

    name: str
    shape: tuple[int, ...]
    number: int = 1

    @property
    def role(self) -> str:
        """``embedding``, ``matrix`` or ``vector``, as in the groups that optimizers are given."""
        if self.name in (EMBEDDING, OUTPUT):
            return "embedding"
        return "matrix" if len(self.shape) == 2 else "vector"

    @property
    def size(self) -> int:
        """Numbers in all of them."""
        return self.number * math.prod(self.shape)


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
    family: str = "llama"

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
            family=family,
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
        return sum(weight.size for weight in self.weights())

    def weights(self) -> list[Weight]:
        """Every weight, those of all blocks together; a tied output is not listed."""
        tables = [EMBEDDING] if self.tied else [EMBEDDING, OUTPUT]
        ends = [Weight(name, (self.vocabulary, self.hidden)) for name in tables]
        return [*ends, *self.block(self.layers), Weight("norm", (self.hidden,))]

    def block(self, number: int = 1) -> list[Weight]:
        """The weights of so many blocks."""
        shapes = self.linear()
        biased = ["q_proj", "k_proj", "v_proj"] if self.qkv_bias or self.attention_bias else []
        biased += ["o_proj"] if self.attention_bias and not self.qkv_bias else []
        biased += ["gate_proj", "up_proj", "down_proj"] if self.mlp_bias else []
        vectors = [self.hidden] * 2 + [self.head_dim] * (2 if self.qk_norm else 0)
        return [
            *(Weight(name, (outputs, inputs), number) for name, (inputs, outputs) in shapes.items()),
            *(Weight(f"{name}.bias", (shapes[name][1],), number) for name in biased),
            *(Weight("norm", (size,), number) for size in vectors),
        ]

    def adapter(self, rank: int, targets: list[str]) -> list[Weight] | None:
        """Weights of a low-rank update of *targets* (arXiv 2106.09685): ``rank * (inputs + outputs)`` for each layer.

        ``None`` when a target is no layer of a block, so that its shape is not known here.
        """
        shapes = self.linear()
        names = list(shapes) if "all-linear" in targets else sorted(set(targets))
        if not all(name in shapes for name in names):
            return None
        pairs = {name: ((rank, shapes[name][0]), (shapes[name][1], rank)) for name in names}
        return [Weight(f"{name}.lora", shape, self.layers) for name, pair in pairs.items() for shape in pair]


def read_config(directory: Path) -> dict[str, Any] | None:
    """``config.json`` of a model's directory, ``None`` when there is none that can be read."""
    try:
        values = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None
