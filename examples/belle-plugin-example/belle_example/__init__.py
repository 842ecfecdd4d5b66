"""An example plugin: BitFit as a training method, multiple-choice questions as a data format, presets for both."""

from belle_core import Part, Stage, hookimpl
from belle_core.artifacts import Adapter, Examples, Model
from belle_example.config import BitfitConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="train",
            name="bitfit",
            config=BitfitConfig,
            run="belle_example.stage:train",
            produces=Model,
            consumes=(Examples,),
            starts_from=(Model, Adapter),
            reads=("trainer", "seed"),
            record=("conversation",),
            groups={"objective": "sft", "optimizer": "adamw"},
        )
    ]


@hookimpl
def belle_parts() -> list[Part]:
    return [Part(kind="format", name="quiz", run="belle_example.quiz:FORMAT")]
