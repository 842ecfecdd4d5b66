"""The tokenizer that comes with the model."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Tokenizer
from belle_pretrained.config import PretrainedConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="tokenizer",
            name="pretrained",
            config=PretrainedConfig,
            run="belle_pretrained.stage:take",
            check="belle_pretrained.check:check",
            produces=Tokenizer,
            reads=("model",),
        )
    ]
