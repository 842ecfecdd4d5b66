"""Filters that drop texts like earlier ones."""

from belle_core import Part, hookimpl
from belle_duplicates.config import NearConfig, SemanticConfig


@hookimpl
def belle_parts() -> list[Part]:
    return [
        Part(kind="filter", name="near", config=NearConfig, run="belle_duplicates.near:Near"),
        Part(kind="filter", name="semantic", config=SemanticConfig, run="belle_duplicates.semantic:Semantic"),
    ]
