"""Other values for the options of a stage, to see what they do to its identity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields, replace
from typing import Any

from belle_core.api import Prepared
from belle_core.errors import BelleError
from belle_core.pipeline import recipes_of
from belle_core.plugins import load_catalog
from belle_core.wiring import Step


def other_values(value: Any) -> list[Any]:
    """Values near *value*, of which an option may accept some; none for what cannot be varied blindly."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1, value * 2]
    if isinstance(value, float):
        return [value * 0.5, value * 2, value + 1] if value else [0.5, 0.01]
    if isinstance(value, list):
        return [value[:-1], value[1:]] if value else []
    return []


def counts(option: Field[Any]) -> bool:
    """Whether the option is part of the identity."""
    return bool(option.metadata.get("identity", True))


def varied(step: Step) -> Iterator[tuple[Field[Any], Step]]:
    """The step with one option changed, for every option that takes another value."""
    for option in fields(step.section):
        if option.metadata.get("file"):
            continue  # a file counts by its bytes
        for value in other_values(getattr(step.section, option.name)):
            try:
                section = replace(step.section, **{option.name: value})
            except (BelleError, ValueError, TypeError):
                continue
            yield option, replace(step, section=section)
            break


def key_of(prepared: Prepared, step: Step) -> str:
    """The fingerprint that *step* would have in place of the step of its name."""
    steps = [step if other.name == step.name else other for other in prepared.steps]
    return recipes_of(steps, prepared.config, load_catalog(), prepared.store)[step.name].key
