"""Objectives: what the loss of a training run is."""

from belle_core import Part, hookimpl
from belle_objectives.config import PretrainConfig, SftConfig


@hookimpl
def belle_parts() -> list[Part]:
    return [
        Part(kind="objective", name="sft", config=SftConfig, run="belle_objectives.sft:Sft"),
        Part(kind="objective", name="pretrain", config=PretrainConfig, run="belle_objectives.pretrain:Pretrain"),
    ]
