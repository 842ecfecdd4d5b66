"""A plain Hugging Face directory with a model card, for every other tool."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Adapter, Bundle, Model
from belle_merged.config import MergedConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="deploy",
            name="merged",
            config=MergedConfig,
            run="belle_merged.stage:export",
            produces=Bundle,
            starts_from=(Model, Adapter),
        )
    ]
