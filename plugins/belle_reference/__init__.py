"""Evaluation against reference answers: exact match, numeric answer, ROUGE-L and chrF, per category."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Adapter, Evaluation, Examples, Model, QuantizedModel
from belle_reference.config import ReferenceConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="eval",
            name="reference",
            config=ReferenceConfig,
            run="belle_reference.stage:evaluate",
            asks="belle_reference.asked:files",
            produces=Evaluation,
            consumes=(Examples,),
            starts_from=(Model, Adapter, QuantizedModel),
            record=("conversation",),
        )
    ]
