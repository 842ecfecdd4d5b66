"""Attention within packs by PyTorch's flash attention (arXiv 2307.08691), where a GPU and PyTorch have it."""

from __future__ import annotations

from functools import cache
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from belle_core.errors import in_one_line
from belle_core.language import say
from belle_core.training.fast.contents import is_hollow

HALVES = (torch.bfloat16, torch.float16)


def has_flash(query: Tensor) -> bool:
    """Whether attention with heads like those of ``query``, (1, heads, tokens, size), may be given to :func:`flash`.

    For a GPU it is tried out once, and told.
    """
    like = query.device, query.dtype, query.shape[-1]
    return not _missing(*like) if is_hollow(query) else _works(*like)


def flash(query: Tensor, key: Tensor, value: Tensor, segments: Any, scale: float) -> Tensor:
    """softmax(scale · q kᵀ) v, causal, within each segment; (1, tokens, heads, size).

    ``query``: (1, heads, tokens, size); ``key`` and ``value`` may have fewer heads, each for as many in turn.
    """
    q, k, v = (tensor[0].transpose(0, 1) for tensor in (query, key, value))
    return _call(q, k, v, segments.ends(query.device), max(segments.lengths), scale)[None]


def _call(q: Tensor, k: Tensor, v: Tensor, ends: Tensor, longest: int, scale: float) -> Tensor:
    """As this PyTorch wants it: 2.10 calls it ``is_causal`` and scales by itself, 2.12 lets heads share keys."""
    from torch.nn.attention.varlen import varlen_attn

    known, named = _arguments(), dict[str, Any]()
    if "scale" in known:
        named["scale"] = scale
    else:
        q = q * (scale * q.shape[-1] ** 0.5)
    if (heads := q.shape[1] // k.shape[1]) > 1:
        if "enable_gqa" in known:
            named["enable_gqa"] = True
        else:
            k, v = k.repeat_interleave(heads, 1), v.repeat_interleave(heads, 1)
    named |= {"window_size": (-1, 0)} if "window_size" in known else {"is_causal": True}
    call: Any = varlen_attn
    return call(q, k, v, ends, ends, longest, longest, **named)  # type: ignore[no-any-return]


@cache
def _arguments() -> frozenset[str]:
    from torch.nn.attention.varlen import varlen_attn

    return frozenset(signature(varlen_attn).parameters)


@cache
def _works(device: torch.device, dtype: torch.dtype, size: int) -> bool:
    missing = _missing(device, dtype, size) or _failure(device, dtype, size)
    if device.type == "cuda":
        _tell(missing)
    return not missing


def _missing(device: torch.device, dtype: torch.dtype, size: int) -> tuple[str, str] | None:
    """What it lacks, in English and in Chinese."""
    if device.type != "cuda":
        return f"a device of the kind {device.type}", f"设备类型为 {device.type}"
    if dtype not in HALVES:
        name = str(dtype).removeprefix("torch.")
        return f"it is for bfloat16, and this is {name}", f"它只用于 bfloat16，而这里是 {name}"
    if size > 256 or size % 8:
        return f"heads of {size} features", f"每个注意力头有 {size} 维"
    try:
        from torch.nn.attention import varlen  # noqa: F401
    except ImportError:
        return f"PyTorch {torch.__version__} lacks it, 2.10 has it", f"PyTorch {torch.__version__} 没有它，2.10 起才有"
    return None


def _failure(device: torch.device, dtype: torch.dtype, size: int) -> tuple[str, str] | None:
    """What it answers to a few tokens: not every GPU has kernels for every size."""
    try:
        with torch.enable_grad():
            q = torch.zeros(16, 1, size, device=device, dtype=dtype, requires_grad=True)
            ends = torch.tensor([0, 4, 16], dtype=torch.int32, device=device)
            torch.autograd.grad(_call(q, q, q, ends, 12, 1.0).sum(), q)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        why = in_one_line(error, 160)
        return why, why
    return None


def _tell(missing: tuple[str, str] | None) -> None:
    from belle_core.training.saving import writes

    if not writes():
        return
    if missing is None:
        print(say("      packs: flash attention", "      打包：flash attention"), flush=True)
    else:
        print(say(f"      packs: attention by plain products, no flash attention ({missing[0]})",
                  f"      打包：用普通矩阵乘法计算注意力，不用 flash attention（{missing[1]}）"), flush=True)  # fmt: skip
