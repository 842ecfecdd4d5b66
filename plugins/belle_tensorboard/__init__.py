"""TensorBoard as a tracker: files on this machine, no server."""

from belle_core import Part, hookimpl
from belle_tensorboard.config import TensorboardConfig


@hookimpl
def belle_parts() -> list[Part]:
    return [
        Part(
            kind="tracker",
            name="tensorboard",
            config=TensorboardConfig,
            run="belle_tensorboard.tracker:TensorboardTracker",
            extra="tensorboard",
        )
    ]
