"""What can be known before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from belle_core.errors import BelleError
from belle_generate.config import GenerateConfig


def check(config: GenerateConfig, shared: dict[str, Any]) -> None:
    """Raise ``BelleError`` for files that are not there, keys that are not set and a client that is not installed."""
    for name in ("questions", "seeds"):
        path = getattr(config, name, None)
        if path and not Path(path).expanduser().is_file():
            raise BelleError(f"data.{name}={path}: there is no such file", f"data.{name}={path}：没有这个文件")
    for name, endpoint in config.endpoints().items():
        if not endpoint.answers_with:
            raise BelleError(
                f"{name}.model has no value; name the model at the endpoint, or a model on this machine with {name}.local or {name}.artifact",
                f"{name}.model 没有取值；请写接口上的模型名，或用 {name}.local、{name}.artifact 指定本机模型",
            )
        if not endpoint.here:
            from belle_core.generation.calls.client import api_key, check_package

            check_package()
            api_key(endpoint)
