"""Filters that clean data: repair, select, mask, divide, deduplicate; and the presets BELLE and ShareGPT data go through."""

from belle_core import Part, hookimpl
from belle_filters.config import ExactConfig, LengthConfig


@hookimpl
def belle_parts() -> list[Part]:
    return [
        Part(kind="filter", name="length", config=LengthConfig, run="belle_filters.length:Length"),
        Part(kind="filter", name="exact", config=ExactConfig, run="belle_filters.exact:Exact"),
    ]
