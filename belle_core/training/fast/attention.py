"""Attention per segment as plain matrix products; of long segments the scores are made anew in the backward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from belle_core.training.fast.contents import is_hollow
from belle_core.training.fast.sizes import at_once

SCORES = {"cpu": 1 << 20, "cuda": 1 << 26}
"""Attention scores that exist at once: on a CPU about what its caches hold, on a GPU what keeps it busy."""
ALIKE = 0.8
"""Segments are worked on together if the shortest has at least this share of the longest one's tokens."""
KEPT = 4
"""What tokens take from each other is kept for the backward pass where a segment has at most so many times the tokens that a
head has features. More would be most of what a block keeps."""
LANES = 32
"""On CPUs keys come in multiples of it: softmax in bfloat16 is up to twice as fast then."""

Bounds = Sequence[tuple[int, int]]


class SegmentAttention(torch.autograd.Function):
    """softmax(scale · q kᵀ) v, causal, within each segment."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, segments: Any, scale: float) -> Tensor:
        """``query``: (heads, tokens, size), ``key`` and ``value``: (key heads, tokens, size). Returns (tokens, heads, size)."""
        ctx.groups, ctx.scale = list(groups(segments.bounds, len(query), at_once(SCORES, query.device))), scale
        result = query.new_empty(query.shape[1], len(query), value.shape[-1])
        kept: list[Tensor | None] = [query, key, value]
        with torch.autocast(query.device.type, enabled=False):
            for group in ctx.groups:
                out, shares = _forward(*_stacks(query, key, value, group), scale)
                _unstack(out, group, result.transpose(0, 1))
                kept.append(shares)
        ctx.save_for_backward(*kept)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients in the layout that the inputs had."""
        grad, (query, key, value, *kept) = grad.transpose(0, 1), ctx.saved_tensors
        results = [torch.empty_like(tensor) for tensor in (query, key, value)]
        with torch.autocast(query.device.type, enabled=False):
            for group, shares in zip(ctx.groups, kept, strict=True):
                parts = _stacks(query, key, value, group)
                slopes = _backward(*parts, _stack(grad, group), shares, ctx.scale)
                for slope, result in zip(slopes, results, strict=True):
                    _unstack(slope, group, result)
        return *results, None, None


def _forward(q: Tensor, k: Tensor, v: Tensor, scale: float) -> tuple[Tensor, Tensor | None]:
    """The result, and the shares if they are to be kept."""
    q, k, v = (_spread(tensor, len(q)) for tensor in (q, k, v))
    if _keeps(q):
        shares = _shares(q, k, 0, q.shape[1], k.shape[1], scale)
        return shares @ v, shares
    out = q.new_empty(*q.shape[:-1], v.shape[-1])
    for begin, end, seen in _blocks(q, k):
        out[:, begin:end] = _shares(q, k, begin, end, seen, scale) @ v[:, :seen]
    return out, None


def _backward(
    q: Tensor, k: Tensor, v: Tensor, grad: Tensor, kept: Tensor | None, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v, grad = (_spread(tensor, len(q)) for tensor in (q, k, v, grad))
    dq, dk, dv = torch.empty_like(q), None, None
    for begin, end, seen in reversed(_blocks(q, k)):  # the last block sees every key
        shares, g = _shares(q, k, begin, end, seen, scale) if kept is None else kept, grad[:, begin:end]
        ds = torch._softmax_backward_data(g @ v[:, :seen].transpose(1, 2), shares, -1, shares.dtype)
        torch.baddbmm(dq[:, begin:end], ds, k[:, :seen], beta=0, alpha=scale, out=dq[:, begin:end])
        if dk is None or dv is None:
            dk, dv = torch.bmm(ds.transpose(1, 2), q[:, begin:end]), shares.transpose(1, 2) @ g
        else:
            dk[:, :seen] += ds.transpose(1, 2) @ q[:, begin:end]
            dv[:, :seen] += shares.transpose(1, 2) @ g
    assert dk is not None and dv is not None
    return dq, dk.mul_(scale), dv


def _shares(q: Tensor, k: Tensor, begin: int, end: int, seen: int, scale: float) -> Tensor:
    """How much each of the queries takes from each key, (stack, end - begin, seen)."""
    later = q.new_full((end - begin, seen), float("-inf")).triu_(begin + 1)
    scores = torch.baddbmm(later, q[:, begin:end], k[:, :seen].transpose(1, 2), alpha=scale)
    return torch.softmax(scores, -1)


def _keeps(q: Tensor) -> bool:
    return q.shape[1] <= KEPT * q.shape[2]


def _blocks(q: Tensor, k: Tensor) -> list[tuple[int, int, int]]:
    """Ranges of queries whose scores may exist at once, and how many keys there are up to the last of them."""
    stack, length = q.shape[:2]
    rows = length if _keeps(q) else max(16, at_once(SCORES, q.device) // (stack * length))
    ends = [(begin, min(length, begin + rows)) for begin in range(0, length, rows)]
    blocks = [(begin, end, min(_multiple(end, LANES), k.shape[1])) for begin, end in ends]
    return blocks[-2:] if is_hollow(q) else blocks


def _multiple(number: int, of: int) -> int:
    return -(-number // of) * of


def groups(bounds: Bounds, heads: int, scores: int) -> Iterator[Bounds]:
    """All segments in groups of like length, longest first, as many as have no more than so many *scores* together."""
    group: list[tuple[int, int]] = []
    for begin, end in sorted(bounds, key=lambda bound: bound[0] - bound[1]):
        longest = group[0][1] - group[0][0] if group else 0
        if group and (end - begin < ALIKE * longest or (len(group) + 1) * heads * longest**2 > scores):
            yield group
            group = []
        group.append((begin, end))
    yield group


def _stacks(query: Tensor, key: Tensor, value: Tensor, group: Bounds) -> tuple[Tensor, Tensor, Tensor]:
    lanes = LANES if query.dtype == torch.bfloat16 and query.device.type == "cpu" else 1
    return _stack(query, group), _stack(key, group, lanes), _stack(value, group, lanes)


def _stack(tensor: Tensor, group: Bounds, of: int = 1) -> Tensor:
    """The group's segments beside one another, (heads, segments, longest, size), the longest a multiple *of*; zeros at the end."""
    longest = _multiple(group[0][1] - group[0][0], of)
    alike = all(end - begin == longest for begin, end in group)
    out = (tensor.new_empty if alike else tensor.new_zeros)(len(tensor), len(group), longest, tensor.shape[-1])
    for i, (begin, end) in enumerate(group):
        out[:, i, : end - begin] = tensor[:, begin:end]
    return out


def _spread(stacked: Tensor, heads: int) -> Tensor:
    """One upon the other for that many query heads, (heads · segments, longest, size); a key head serves several in turn."""
    own = len(stacked)
    wide = stacked if own == heads else stacked[:, None].expand(own, heads // own, *stacked.shape[1:])
    return wide.reshape(-1, *stacked.shape[2:])


def _unstack(stacked: Tensor, group: Bounds, result: Tensor) -> None:
    """From there into ``result``, (heads, tokens, size); heads that shared a key head add up."""
    own, longest, size = len(result), stacked.shape[1], stacked.shape[-1]
    out = stacked.view(own, -1, len(group), longest, size)
    out = out[:, 0] if out.shape[1] == 1 else out.sum(1)
    for i, (begin, end) in enumerate(group):
        result[:, begin:end] = out[:, i, : end - begin]
