"""Data that a language model writes: new instructions, dialogues, harder questions, answers, preferences."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Examples
from belle_generate.config import DistillConfig, FromQuestionsConfig, GenerateConfig
from belle_generate.self_instruct.config import SelfInstructConfig


def _stage(name: str, config: type[GenerateConfig], run: str, estimate: str) -> Stage:
    return Stage(
        kind="data",
        name=name,
        config=config,
        run=f"belle_generate.{run}",
        check="belle_generate.check:check",
        estimate=f"belle_generate.estimate:{estimate}",
        produces=Examples,
        optional=(Examples,) if issubclass(config, FromQuestionsConfig) else (),
        reads=("seed",),
        extra="api",
    )


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        _stage("self_instruct", SelfInstructConfig, "self_instruct.stage:make", "self_instruct"),
        _stage("distill", DistillConfig, "distill:make", "distill"),
    ]
