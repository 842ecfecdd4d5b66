"""The Alpaca data format: ``instruction``, ``input``, ``output``."""

from belle_core import Part, hookimpl


@hookimpl
def belle_parts() -> list[Part]:
    return [Part(kind="format", name="alpaca", run="belle_alpaca.format:FORMAT")]
