"""Instruction data from files: JSON and JSON Lines in any layout for which a format is installed."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Examples
from belle_files.config import FilesConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="data",
            name="files",
            config=FilesConfig,
            run="belle_files.stage:read",
            check="belle_files.check:check",
            estimate="belle_files.estimate:estimate",
            produces=Examples,
        )
    ]
