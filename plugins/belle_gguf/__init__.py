"""GGUF, the file that llama.cpp and everything built on it runs offline."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Adapter, Bundle, Model
from belle_gguf.config import GgufConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="deploy",
            name="gguf",
            config=GgufConfig,
            run="belle_gguf.stage:export",
            produces=Bundle,
            starts_from=(Model, Adapter),
        )
    ]
