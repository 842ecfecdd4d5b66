"""Full fine-tuning: every weight trains."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Adapter, Examples, Model
from belle_full.config import FullConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="train",
            name="full",
            config=FullConfig,
            run="belle_full.stage:train",
            produces=Model,
            consumes=(Examples,),
            starts_from=(Model, Adapter),
            reads=("trainer", "seed"),
            groups={"objective": "sft", "optimizer": "adamw"},
        )
    ]
