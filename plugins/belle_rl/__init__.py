"""Learning from rewards: GRPO and PPO, with reward functions or a reward model."""

from typing import Any

from belle_core import Part, hookimpl
from belle_core.artifacts import RewardModel
from belle_rl.config import GrpoConfig, PpoConfig

TALKS = ("conversation", "pair", "ranked")
REWARDS = ("exact", "format", "length", "number")


@hookimpl
def belle_parts() -> list[Part]:
    return [
        _objective("grpo", GrpoConfig, "grpo:Grpo"),
        _objective("ppo", PpoConfig, "ppo:Ppo"),
        *(Part(kind="reward", name=name, run=f"belle_rl.rewards:{name}") for name in REWARDS),
    ]


def _objective(name: str, config: type, run: str) -> Part:
    options: dict[str, Any] = {"record": TALKS, "optional": (RewardModel,)}
    return Part(kind="objective", name=name, config=config, run=f"belle_rl.{run}", **options)
