"""Reads the weights of llama2.c's legacy layout (``legacy_export`` of github.com/karpathy/llama2.c)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from belle_core.errors import BelleError, why_refused

if TYPE_CHECKING:
    import numpy as np

HEADER = 7  # int32 numbers before the weights


@dataclass(frozen=True)
class Header:
    """The seven numbers at the head of the file; the file writes an untied output layer as a negative vocabulary."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    vocab_size: int
    context: int
    tied: bool

    @property
    def head_size(self) -> int:
        """Rows of one attention head."""
        return self.hidden_size // self.heads

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes in the order of the file; each per-layer tensor holds all layers."""
        n, d, f, kv = self.layers, self.hidden_size, self.intermediate_size, self.kv_heads * self.head_size
        shapes = {
            "embed_tokens": (self.vocab_size, d),
            "input_layernorm": (n, d),
            "self_attn.q_proj": (n, d, d),
            "self_attn.k_proj": (n, kv, d),
            "self_attn.v_proj": (n, kv, d),
            "self_attn.o_proj": (n, d, d),
            "post_attention_layernorm": (n, d),
            "mlp.gate_proj": (n, f, d),
            "mlp.down_proj": (n, d, f),
            "mlp.up_proj": (n, f, d),
            "norm": (d,),
            "rotary cosines and sines": (2, self.context, self.head_size // 2),  # recomputed from their formula
        }
        return shapes if self.tied else shapes | {"lm_head": (self.vocab_size, d)}


def read_checkpoint(path: Path) -> tuple[Header, dict[str, np.ndarray]]:
    """Header, and weights under Hugging Face's names: float32 views of the mapped file, rows in Meta's rotary order.

    Raises:
        BelleError: the file is missing, no such checkpoint, or of another length than its header says.
    """
    import numpy as np

    try:
        data = np.memmap(path, dtype="<i4", mode="r")
    except (OSError, ValueError) as error:
        why, why_zh = why_refused(error)
        raise BelleError(f"{path}: cannot be read ({why})", f"{path}：无法读取（{why_zh}）") from error
    header = _header(path, data)
    shapes = header.tensors()
    expected = HEADER + sum(int(np.prod(shape)) for shape in shapes.values())
    if len(data) != expected:
        raise BelleError(
            f"{path} has {4 * len(data)} bytes, its header asks for {4 * expected}; damaged, or not the legacy format",
            f"{path} 有 {4 * len(data)} 字节，而文件头要求 {4 * expected} 字节；文件已损坏，或不是旧格式",
        )
    weights, start = {}, HEADER
    for name, shape in shapes.items():
        end = start + int(np.prod(shape))
        weights[name] = data[start:end].view("<f4").reshape(shape)
        start = end
    return header, weights


def _header(path: Path, data: np.ndarray) -> Header:
    numbers = [int(number) for number in data[:HEADER]]
    if len(numbers) == HEADER and all(0 < number < 2**24 for number in [*numbers[:5], abs(numbers[5]), numbers[6]]):
        d, f, n, heads, kv, vocab, context = numbers
        if d % heads == 0 and heads % kv == 0 and (d // heads) % 2 == 0:
            return Header(d, f, n, heads, kv, abs(vocab), context, tied=vocab > 0)
    raise BelleError(
        f"{path} is not a checkpoint of llama2.c's legacy format: its header reads {numbers}",
        f"{path} 不是 llama2.c 旧格式的模型文件：文件头为 {numbers}",
    )
