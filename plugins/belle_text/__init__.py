"""The layout of pretraining text: ``{"text": ...}``."""

from belle_core import Part, hookimpl


@hookimpl
def belle_parts() -> list[Part]:
    return [Part(kind="format", name="text", run="belle_text.format:FORMAT")]
