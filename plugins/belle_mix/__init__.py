"""One data set from several sources, in proportions, with a cap and epochs for each."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Examples
from belle_mix.config import MixConfig


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        Stage(
            kind="data",
            name="mix",
            config=MixConfig,
            run="belle_mix.stage:mix",
            check="belle_mix.check:check",
            estimate="belle_mix.estimate:estimate",
            produces=Examples,
            reads=("seed",),
        )
    ]
