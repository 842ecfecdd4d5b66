"""LoRA (arXiv 2106.09685): low-rank updates train, the base stays."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Adapter, Examples, Model
from belle_lora.config import LoraConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="train",
            name="lora",
            config=LoraConfig,
            run="belle_lora.stage:train",
            produces=Adapter,
            consumes=(Examples,),
            starts_from=(Model, Adapter),
            reads=("trainer", "seed"),
            groups={"objective": "sft"},
        )
    ]
