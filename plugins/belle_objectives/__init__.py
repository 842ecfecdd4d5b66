"""Objectives: what the loss of a training run is."""

from belle_core import Part, hookimpl
from belle_objectives.config import SftConfig


@hookimpl
def belle_parts() -> list[Part]:
    return [Part(kind="objective", name="sft", config=SftConfig, run="belle_objectives.sft:Sft")]
