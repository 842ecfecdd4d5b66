"""Attention per segment on CPUs as plain matrix products; the scores are made anew in the backward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from belle_core.training.fast.contents import is_hollow

SCORES = 1 << 20
"""Attention scores that exist at once: about what the processor's caches hold."""
ALIKE = 0.8
"""Segments are worked on together if the shortest has at least this share of the longest one's tokens."""

Bounds = Sequence[tuple[int, int]]


class SegmentAttention(torch.autograd.Function):
    """softmax(scale · q kᵀ) v, causal, within each segment."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, segments: Any, scale: float) -> Tensor:
        """``query``: (heads, tokens, size), ``key`` and ``value``: (key heads, tokens, size). Returns (tokens, heads, size)."""
        ctx.save_for_backward(query, key, value)
        ctx.segments, ctx.scale = segments, scale
        heads, tokens, _ = query.shape
        result = query.new_empty(tokens, heads, value.shape[-1])
        with torch.autocast("cpu", enabled=False):
            for group in groups(segments.bounds, heads):
                q, k, v = _stack(query, group, heads), _stack(key, group, heads), _stack(value, group, heads)
                out = torch.empty(q.shape[:-1] + v.shape[-1:], dtype=q.dtype)
                for begin, end in _blocks(q):
                    out[:, begin:end] = _shares(q, k, begin, end, scale) @ v[:, :end]
                _unstack(out, group, result.transpose(0, 1))
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients in the layout that the inputs had."""
        query, key, value = ctx.saved_tensors
        heads, grad = query.shape[0], grad.transpose(0, 1)
        results = [torch.empty_like(tensor) for tensor in (query, key, value)]
        with torch.autocast("cpu", enabled=False):
            for group in groups(ctx.segments.bounds, heads):
                q, k, v, g = (_stack(tensor, group, heads) for tensor in (query, key, value, grad))
                parts = _backward(q, k, v, g, ctx.scale)
                for part, result in zip(parts, results, strict=True):
                    _unstack(part, group, result)
        return *results, None, None


def _backward(q: Tensor, k: Tensor, v: Tensor, grad: Tensor, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    dq, dk, dv = torch.empty_like(q), None, None
    for begin, end in reversed(_blocks(q)):  # the last block sees every key
        shares, g = _shares(q, k, begin, end, scale), grad[:, begin:end]
        ds = torch._softmax_backward_data(g @ v[:, :end].transpose(1, 2), shares, -1, shares.dtype)
        torch.baddbmm(dq[:, begin:end], ds, k[:, :end], beta=0, alpha=scale, out=dq[:, begin:end])
        if dk is None or dv is None:
            dk, dv = torch.bmm(ds.transpose(1, 2), q[:, begin:end]), shares.transpose(1, 2) @ g
        else:
            dk[:, :end] += ds.transpose(1, 2) @ q[:, begin:end]
            dv[:, :end] += shares.transpose(1, 2) @ g
    assert dk is not None and dv is not None
    return dq, dk.mul_(scale), dv


def _shares(q: Tensor, k: Tensor, begin: int, end: int, scale: float) -> Tensor:
    """How much each of the queries takes from each key, (stack, end - begin, end)."""
    later = torch.full((end - begin, end), float("-inf"), dtype=q.dtype).triu_(begin + 1)
    scores = torch.baddbmm(later, q[:, begin:end], k[:, :end].transpose(1, 2), alpha=scale)
    return torch.softmax(scores, -1)


def _blocks(q: Tensor) -> list[tuple[int, int]]:
    """Ranges of queries whose scores may exist at once; a block needs no key after its end."""
    stack, length = q.shape[0], q.shape[1]
    rows = max(16, SCORES // (stack * length))
    blocks = [(begin, min(length, begin + rows)) for begin in range(0, length, rows)]
    return blocks[-2:] if is_hollow(q) else blocks


def groups(bounds: Bounds, heads: int) -> Iterator[Bounds]:
    """All segments in groups of like length, longest first, as many as may be worked on at once."""
    group: list[tuple[int, int]] = []
    for begin, end in sorted(bounds, key=lambda bound: bound[0] - bound[1]):
        longest = group[0][1] - group[0][0] if group else 0
        if group and (end - begin < ALIKE * longest or (len(group) + 1) * heads * longest**2 > SCORES):
            yield group
            group = []
        group.append((begin, end))
    yield group


def _stack(tensor: Tensor, group: Bounds, heads: int) -> Tensor:
    """The group's segments one upon the other, (heads · segments, longest, size), zeros at the end of shorter ones."""
    own, longest = tensor.shape[0], group[0][1] - group[0][0]
    alike = all(end - begin == longest for begin, end in group)
    out = (tensor.new_empty if alike else tensor.new_zeros)(own, len(group), longest, tensor.shape[-1])
    for i, (begin, end) in enumerate(group):
        out[:, i, : end - begin] = tensor[:, begin:end]
    if own != heads:  # a key head serves several query heads in turn
        out = out[:, None].expand(own, heads // own, *out.shape[1:])
    return out.reshape(heads * len(group), longest, tensor.shape[-1])


def _unstack(stacked: Tensor, group: Bounds, result: Tensor) -> None:
    """The inverse of :func:`_stack` into ``result``, (heads, tokens, size); heads that shared a key head add up."""
    own, longest, size = result.shape[0], stacked.shape[1], stacked.shape[-1]
    out = stacked.view(own, -1, len(group), longest, size)
    out = out[:, 0] if out.shape[1] == 1 else out.sum(1)
    for i, (begin, end) in enumerate(group):
        result[:, begin:end] = out[:, i, : end - begin]
