"""Adds up adapters of one base, each with its weight, into a model."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Model
from belle_merge.config import MergeConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="train",
            name="merge",
            config=MergeConfig,
            run="belle_merge.stage:merge",
            produces=Model,
        )
    ]
