"""How many examples each source gives: exact, and the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from belle_core.errors import BelleError
from belle_mix.config import MixConfig


@dataclass(frozen=True)
class Amount:
    """What one source gives."""

    available: int
    """Examples that it has."""
    different: int
    """How many of them are used: all, or its cap."""
    taken: int
    """Examples in the mix; more than ``different`` when the source is read again."""


def amounts(available: Mapping[str, int], config: MixConfig, *, smoke: bool = False) -> dict[str, Amount]:
    """What every source gives, by name.

    Without weights each gives all it has, as often as its epochs say. With weights the mix is as large as it can be without
    reading a source more often than that. *smoke* runs see too little of the sources to have the size that was asked for.
    Raises ``BelleError`` when the sources do not hold what is asked for.
    """
    caps, epochs = config.cap or {}, config.epochs or {}
    different = {name: min(count, caps.get(name, count)) for name, count in available.items()}
    most = {name: round(count * _exact(epochs.get(name, 1))) for name, count in different.items()}
    if config.weights is None:
        weights = {name: Fraction(count) for name, count in most.items()}
        largest = sum(most.values())
    else:
        weights = {name: _exact(config.weights.get(name, 1)) for name in available}
        whole = sum(weights.values())
        largest = int(min(most[name] * whole / weight for name, weight in weights.items()))
    size = largest if config.size is None or smoke else config.size
    taken = apportion(size, weights)
    if (short := next((name for name in taken if taken[name] > most[name]), None)) is not None:
        raise _short(short, taken[short], most[short], different[short])
    return {name: Amount(count, different[name], taken[name]) for name, count in available.items()}


def apportion(size: int, weights: Mapping[str, Fraction]) -> dict[str, int]:
    """*size* in proportion to *weights*; what rounding leaves goes to the largest remainders, earlier sources first."""
    whole = sum(weights.values())
    if not whole:
        return dict.fromkeys(weights, 0)
    exact = {name: size * weight / whole for name, weight in weights.items()}
    parts = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(weights, key=lambda name: parts[name] - exact[name])
    for name in by_remainder[: size - sum(parts.values())]:
        parts[name] += 1
    return parts


def _exact(number: float) -> Fraction:
    return Fraction(str(number))  # 0.1 is a tenth


def _short(name: str, wanted: int, most: int, different: int) -> BelleError:
    times = -(-wanted * 100 // max(different, 1)) / 100
    return BelleError(
        f"the mix asks for {wanted:,} examples of {name}, which gives {most:,}; say data.epochs={{{name}: {times:g}}} to read it "
        "more often, or a smaller data.size",
        f"混合需要来源 {name} 的 {wanted:,} 条样本，而它只提供 {most:,} 条；可写 data.epochs={{{name}: {times:g}}} 多次读取，"
        "或减小 data.size",
    )
