"""The embedded default: Chinese instructions made from a seed, with answers that are right by construction."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Examples
from belle_demo.config import DemoConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="data",
            name="demo",
            config=DemoConfig,
            run="belle_demo.stage:make",
            estimate="belle_demo.estimate:estimate",
            produces=Examples,
            reads=("seed",),
        )
    ]
