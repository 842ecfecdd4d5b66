"""Options of ``train/objective=grpo`` and ``train/objective=ppo``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from belle_core.config import at_least, option
from belle_core.errors import Invalid
from belle_core.names import nearest
from belle_core.plugins import load_catalog


@dataclass
class PolicyConfig:
    """What both have: whom the model answers to, and how it answers."""

    rewards: Any = None  # a typed mapping would take no new keys on the command line
    """Reward functions by name with their weights, e.g. ``{number: 1.0, format: 0.2}``; their sum is the reward."""
    reward_model: str | None = option(None, artifact=True)
    """An earlier reward model (a run, ``run/step``, fingerprint or directory), whose score is added. A step of the same
    run that makes one is taken by itself."""
    max_new_tokens: int = 256
    """Longest answer, in tokens."""
    temperature: float = 1.0
    """Of the answers that are learned from."""
    clip: float = 0.2
    """How far the ratio of new to old probability of a token may be from 1 before its gradient ends."""

    def __post_init__(self) -> None:
        at_least(self, max_new_tokens=1)
        given = {} if self.rewards is None else self.rewards
        weights = given.values() if isinstance(given, dict) else [None]
        if not all(isinstance(weight, (int, float)) for weight in weights):
            raise Invalid(
                "rewards",
                f"must give a weight to each reward function, such as {{number: 1.0}}, got {self.rewards}",
                f"应为每个奖励函数给出权重，例如 {{number: 1.0}}，现在是 {self.rewards}",
            )
        known = load_catalog().names("reward") if given else []
        for unknown in (str(name) for name in given if name not in known):
            near = nearest(unknown, known) or ", ".join(known)
            raise Invalid(
                "rewards",
                f"has no function {unknown!r}; did you mean {near}?",
                f"没有函数 {unknown!r}；是不是 {near}？",
            )
        for name in ("temperature", "clip"):
            if (value := getattr(self, name)) <= 0:
                raise Invalid(name, f"must be above 0, got {value}", f"必须大于 0，现在是 {value}")


@dataclass
class GrpoConfig(PolicyConfig):
    """Group relative policy optimization (arXiv 2402.03300): answers to one question are compared with each other."""

    group: int = 8
    """Answers to each question."""
    beta: float = 0.04
    """Weight of the divergence from the model as it started; 0 needs no reference."""
    updates: int = 1
    """Optimizer updates with the same answers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, group=2, beta=0, updates=1)


@dataclass
class PpoConfig(PolicyConfig):
    """Proximal policy optimization (arXiv 1707.06347) as InstructGPT uses it (arXiv 2203.02155): a layer on the same
    model estimates the reward to come, and every token costs its divergence from the model as it started."""

    group: int = 1
    """Answers to each question."""
    beta: float = 0.05
    """Weight of the divergence, which is taken off the reward token by token; 0 needs no reference."""
    updates: int = 4
    """Optimizer updates with the same answers."""
    gamma: float = 1.0
    """Discount of later rewards."""
    lam: float = 0.95
    """Lambda of the generalized advantage estimate (arXiv 1506.02438): 0 trusts the estimated values, 1 the rewards."""
    value_weight: float = 0.1
    """Weight of the value loss."""
    value_clip: float = 0.2
    """How far a value may move from what it was before its gradient ends."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, group=1, beta=0, updates=1, gamma=0, lam=0, value_weight=0, value_clip=0)
