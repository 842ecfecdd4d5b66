"""SwanLab as a tracker: files on this machine, or its server."""

from belle_core import Part, hookimpl
from belle_swanlab.config import SwanlabConfig


@hookimpl
def belle_parts() -> list[Part]:
    return [
        Part(
            kind="tracker",
            name="swanlab",
            config=SwanlabConfig,
            run="belle_swanlab.tracker:SwanlabTracker",
            extra="swanlab",
        )
    ]
