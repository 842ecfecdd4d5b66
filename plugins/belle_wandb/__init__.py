"""Weights & Biases as a tracker; works offline, and never stops a run."""

from belle_core import Part, hookimpl
from belle_wandb.config import WandbConfig


@hookimpl
def belle_parts() -> list[Part]:
    return [
        Part(kind="tracker", name="wandb", config=WandbConfig, run="belle_wandb.tracker:WandbTracker", extra="wandb")
    ]
