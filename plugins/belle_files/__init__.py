"""Data from files and hubs, in any layout for which a format is installed."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Examples
from belle_files.config import FilesConfig
from belle_files.hub_config import HubConfig


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
            version=3,
        ),
        Stage(
            kind="data",
            name="hub",
            config=HubConfig,
            run="belle_files.hub:fetch",
            check="belle_files.hub:check",
            estimate="belle_files.hub:estimate",
            produces=Examples,
            version=3,
        ),
    ]
