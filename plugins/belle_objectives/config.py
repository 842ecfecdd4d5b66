"""Options of the objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from belle_core.config import at_least
from belle_core.errors import Invalid


def above_zero(config: Any, name: str) -> None:
    """Raise ``Invalid`` when option *name* is 0 or less."""
    if (value := getattr(config, name)) <= 0:
        raise Invalid(name, f"must be above 0, got {value}", f"必须大于 0，现在是 {value}")


@dataclass
class SftConfig:
    """Next token on answers: the questions are read, the answers and their end tokens are learned."""


@dataclass
class PretrainConfig:
    """Next token on text: every token of a document is learned, and what is too long is cut into several sequences."""


@dataclass
class DpoConfig:
    """Direct preference optimization (arXiv 2305.18290) on pairs of answers."""

    beta: float = 0.1
    """How strongly the model is held to what it was as it started."""
    label_smoothing: float = 0.0
    """Share (0 to 0.5) of the pairs that are taken to be labelled the wrong way round (cDPO)."""

    def __post_init__(self) -> None:
        above_zero(self, "beta")
        if not 0 <= self.label_smoothing < 0.5:
            value = self.label_smoothing
            raise Invalid(
                "label_smoothing",
                f"must be at least 0 and below 0.5, got {value}",
                f"应不小于 0 且小于 0.5，现在是 {value}",
            )


@dataclass
class IpoConfig:
    """Identity preference optimization (arXiv 2310.12036) on pairs: a margin to be reached, not to grow without end."""

    beta: float = 0.1
    """The margin per token is ``1 / (2 beta)``; the paper's tau."""

    def __post_init__(self) -> None:
        above_zero(self, "beta")


@dataclass
class KtoConfig:
    """Kahneman-Tversky optimization (arXiv 2402.01306): answers that are each good or bad; pairs are taken apart."""

    beta: float = 0.1
    """How strongly the model is held to what it was as it started."""
    desirable: float = 1.0
    """Weight of the loss on good answers."""
    undesirable: float = 1.0
    """Weight of the loss on bad answers. The weighted numbers of good and bad should be within 1:1 and 4:3."""

    def __post_init__(self) -> None:
        above_zero(self, "beta")
        at_least(self, desirable=0, undesirable=0)


@dataclass
class OrpoConfig:
    """Odds ratio preference optimization (arXiv 2403.07691): answers are learned and told from bad ones at once."""

    beta: float = 0.1
    """Weight of the odds ratio beside the likelihood of the chosen answer; the paper's lambda."""

    def __post_init__(self) -> None:
        above_zero(self, "beta")


@dataclass
class SimpoConfig:
    """Simple preference optimization (arXiv 2405.14734) on pairs: mean log-probabilities, no starting model."""

    beta: float = 2.0
    """Scale of the mean log-probabilities."""
    gamma: float = 1.0
    """Margin between chosen and rejected, in the scaled measure."""

    def __post_init__(self) -> None:
        above_zero(self, "beta")
        at_least(self, gamma=0)


@dataclass
class RewardConfig:
    """Reward model (arXiv 2203.02155) on pairs: what comes out scores answers and gives none."""
