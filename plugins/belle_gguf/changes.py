"""How llama.cpp stores a tensor where it differs from the checkpoint: rows in another order, or another origin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Change = Callable[["Tensor"], "Tensor"]


def unchanged(name: str, config: dict[str, Any]) -> Change | None:
    """Nothing differs."""
    return None


def interleaved(name: str, config: dict[str, Any]) -> Change | None:
    """LLaMA: queries and keys rotate neighbouring rows instead of halves."""
    query, key = config["num_attention_heads"], config.get("num_key_value_heads") or config["num_attention_heads"]
    heads = {"attn_q": query, "attn_k": key}.get(name.split(".")[-2])
    return partial(interleave_rotary, heads=heads) if heads else None


def shifted(name: str, config: dict[str, Any]) -> Change | None:
    """Gemma: checkpoints hold what norms scale by, less 1."""
    return one_more if name.endswith("norm.weight") else None


def separated(name: str, config: dict[str, Any]) -> Change | None:
    """BLOOM: all queries, all keys, all values, instead of the three of each head together."""
    return partial(separate_kinds, heads=config["num_attention_heads"]) if ".attn_qkv." in name else None


def interleave_rotary(weight: Tensor, heads: int) -> Tensor:
    """Rows of each head from two halves (Hugging Face) to neighbouring pairs (Meta, llama.cpp); shape (H*D, ...).

    Source: ``LlamaModel.permute`` of llama.cpp's converter.
    """
    return (
        weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)
    )


def separate_kinds(weight: Tensor, heads: int) -> Tensor:
    """Rows from (head, kind, place) to (kind, head, place) with the kinds query, key, value; shape (3*H*D, ...).

    Source: ``BloomAttention`` of transformers, ``_reshape``.
    """
    return weight.unflatten(0, (heads, 3, -1)).swapaxes(0, 1).reshape(weight.shape)


def one_more(weight: Tensor) -> Tensor:
    """``1 + weight``, which is what ``GemmaRMSNorm`` of transformers multiplies with."""
    return weight + 1
