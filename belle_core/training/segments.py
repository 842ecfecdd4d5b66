"""Attention within the sequences of a pack: one flat row of tokens in which no sequence sees another."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from belle_core.training.fast.attention import SegmentAttention
from belle_core.training.fast.flash import flash, has_flash

NAME = "belle_segments"
"""What the attention function is called in transformers' registry."""
MEANS_NOTHING = {"is_causal", "position_ids", "use_cache", "cache_position", "output_attentions", "layer_idx"}
"""Arguments of attention functions that change nothing within a pack."""


class CannotPack(Exception):
    """The model asks of its attention what the one for packs does not do."""


class Segments:
    """Where the sequences of a pack lie; they follow each other without gaps."""

    def __init__(self, lengths: tuple[int, ...], longest: int | None = None) -> None:
        self.lengths = lengths
        self.longest = longest or max(lengths)
        """The longest sequence that the model must be able to take in this way."""
        self.used = 0
        """How often attention has asked for them."""

    @cached_property
    def bounds(self) -> list[tuple[int, int]]:
        """Begin and end of each sequence."""
        ends = list(accumulate(self.lengths))
        return list(zip([0, *ends[:-1]], ends, strict=True))

    @cached_property
    def _on_device(self) -> dict[Any, Any]:
        return {}

    def ends(self, device: torch.device) -> Tensor:
        """(sequences + 1,) int32: 0 and where each sequence ends."""
        if device not in self._on_device:
            self._on_device[device] = torch.tensor([0, *accumulate(self.lengths)], dtype=torch.int32, device=device)
        ends: Tensor = self._on_device[device]
        return ends


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    segments: Segments | None = None,
    sliding_window: int | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Causal attention per segment; without ``segments`` transformers' own.

    ``query``: (1, heads, tokens, size); ``key`` and ``value`` may have fewer heads, each for as many in turn.
    Returns (1, tokens, heads, size). Raises :class:`CannotPack` for what would silently be something else.
    """
    if segments is None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        more["sliding_window"] = sliding_window
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
    segments.used += 1
    asked = sorted(name for name in more if name not in MEANS_NOTHING and more[name] is not None)
    if asked or dropout or not getattr(module, "is_causal", True):
        raise CannotPack(f"{type(module).__name__}: {', '.join(asked) or 'dropout'}")
    if sliding_window is not None and sliding_window < segments.longest:
        raise CannotPack(f"{type(module).__name__}: a window of {sliding_window} tokens")
    if torch.is_autocast_enabled(query.device.type):
        dtype = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return _by_device(query, key, value, segments, scale), None


def _by_device(query: Tensor, key: Tensor, value: Tensor, segments: Segments, scale: float) -> Tensor:
    if has_flash(query):
        return flash(query, key, value, segments, scale)
    done: Tensor = SegmentAttention.apply(query.squeeze(0), key.squeeze(0), value.squeeze(0), segments, scale)
    return done.unsqueeze(0)
