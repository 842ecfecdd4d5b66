"""LoRA (arXiv 2106.09685): low-rank updates train, the base stays, in floats or (QLoRA, arXiv 2305.14314) in few bits."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Adapter, Examples, Model
from belle_lora.config import LoraConfig, QloraConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        _stage("lora", LoraConfig, "belle_lora.stage:train"),
        _stage("qlora", QloraConfig, "belle_lora.stage:train", check="belle_lora.check:check", extra="quantize"),
    ]


def _stage(name: str, config: type, run: str, check: str | None = None, extra: str | None = None) -> Stage:
    return Stage(
        kind="train",
        name=name,
        config=config,
        run=run,
        check=check,
        produces=Adapter,
        consumes=(Examples,),
        starts_from=(Model, Adapter),
        reads=("trainer", "seed"),
        groups={"objective": "sft", "optimizer": "adamw"},
        extra=extra,
    )
