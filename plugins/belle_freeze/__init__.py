"""Freeze tuning: the last layers train, everything before them stays."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Adapter, Examples, Model
from belle_freeze.config import FreezeConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="train",
            name="freeze",
            config=FreezeConfig,
            run="belle_freeze.stage:train",
            produces=Model,
            consumes=(Examples,),
            starts_from=(Model, Adapter),
            reads=("trainer", "seed"),
            groups={"objective": "sft", "optimizer": "adamw"},
        )
    ]
