"""Data that a language model writes: new instructions, dialogues, harder questions, answers, preferences."""

from belle_core import Stage, hookimpl
from belle_core.artifacts import Examples
from belle_generate.config import (
    DistillConfig,
    EvolveConfig,
    FromQuestionsConfig,
    GenerateConfig,
    MultiTurnConfig,
    PreferenceConfig,
    RoleChatConfig,
    SchoolMathConfig,
)
from belle_generate.self_instruct.config import SelfInstructConfig


def _stage(name: str, config: type[GenerateConfig], run: str, estimate: str, *, version: int = 1) -> Stage:
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
        version=version,
    )


@hookimpl
def belle_stages() -> list[Stage]:
    return [
        _stage("self_instruct", SelfInstructConfig, "self_instruct.stage:make", "self_instruct"),
        _stage("multi_turn", MultiTurnConfig, "multi_turn:make", "multi_turn"),
        _stage("role_chat", RoleChatConfig, "role_chat:make", "role_chat"),
        _stage("school_math", SchoolMathConfig, "school_math:make", "school_math", version=2),
        _stage("evolve", EvolveConfig, "evolve:make", "evolve"),
        _stage("distill", DistillConfig, "distill:make", "distill"),
        _stage("preference", PreferenceConfig, "preference:make", "preference"),
    ]
