"""Finds the questions of an evaluation in the data that is trained on."""

from belle_contamination.config import ContaminationConfig
from belle_core import Part, hookimpl


@hookimpl
def belle_parts() -> list[Part]:
    return [
        Part(
            kind="filter",
            name="contamination",
            config=ContaminationConfig,
            run="belle_contamination.filter:Contamination",
            version=3,
        )
    ]
