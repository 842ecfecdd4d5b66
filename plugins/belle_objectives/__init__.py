"""Objectives: what the loss of a training run is."""

from typing import Any

from belle_core import Part, hookimpl
from belle_core.artifacts import RewardModel
from belle_objectives.config import (
    DpoConfig,
    IpoConfig,
    KtoConfig,
    OrpoConfig,
    PretrainConfig,
    RewardConfig,
    SftConfig,
    SimpoConfig,
)

TALKS = ("conversation", "pair", "ranked")
PAIRS = ("pair", "ranked")


@hookimpl
def belle_parts() -> list[Part]:
    return [
        _objective("sft", SftConfig, "sft:Sft", TALKS),
        _objective("pretrain", PretrainConfig, "pretrain:Pretrain"),
        _objective("dpo", DpoConfig, "dpo:Dpo", PAIRS),
        _objective("ipo", IpoConfig, "dpo:Ipo", PAIRS),
        _objective("kto", KtoConfig, "kto:Kto", TALKS),
        _objective("orpo", OrpoConfig, "orpo:Orpo", PAIRS),
        _objective("simpo", SimpoConfig, "simpo:Simpo", PAIRS),
        _objective("reward", RewardConfig, "reward:Reward", PAIRS, produces=RewardModel),
    ]


def _objective(name: str, config: type, run: str, record: tuple[str, ...] = (), **more: Any) -> Part:
    return Part(kind="objective", name=name, config=config, run=f"belle_objectives.{run}", record=record, **more)
