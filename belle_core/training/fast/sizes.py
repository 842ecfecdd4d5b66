"""How much of a piece of work is done at once, by the kind of device."""

from __future__ import annotations

from collections.abc import Mapping

import torch


def at_once(sizes: Mapping[str, int], device: torch.device) -> int:
    """What *sizes* say of *device*; one of another kind has what is stated for a CPU."""
    return sizes.get(device.type, sizes["cpu"])
