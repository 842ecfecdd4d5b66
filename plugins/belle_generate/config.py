"""Options that all stages share in which a language model writes the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from belle_core.config import DataConfig, at_least, option
from belle_core.data.splits import held_out
from belle_core.errors import Invalid
from belle_core.generation.calls import EndpointConfig


def writer_defaults(**more: Any) -> Any:
    """An endpoint with other defaults."""
    return field(default_factory=lambda: EndpointConfig(**more))


@dataclass
class GenerateConfig(DataConfig):
    """Data that a language model writes."""

    endpoint: EndpointConfig = field(default_factory=EndpointConfig)
    """Who writes: ``data.endpoint.model``, ``data.endpoint.base_url`` …"""
    licence: str = option("", identity=False)
    """Under which terms the texts may be used; empty: a note that the terms of the model apply."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("dev", "test"):
            if held_out(name, getattr(self, name)).path:
                raise Invalid(name, "must be a count or a fraction", "应为数量或比例")

    def endpoints(self) -> dict[str, EndpointConfig]:
        """Everybody who is asked, by the name of the option."""
        return {"endpoint": self.endpoint}

    def terms(self) -> str:
        """What is noted as the data's licence."""
        names = sorted({endpoint.answers_with for endpoint in self.endpoints().values()})
        return self.licence or f"written by {', '.join(names)}; its terms of use apply"


@dataclass
class FromQuestionsConfig(GenerateConfig):
    """Data that begins with given questions."""

    questions: str | None = option(None, file=True)
    """File of questions: one a line, or JSON Lines with ``question``, ``instruction`` and ``input``, or ``messages``. Empty: the
    examples of the data step before."""
    split: str = "train"
    """Split of those examples."""
    size: int | None = None
    """At most this many questions, from the first on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, size=1)


@dataclass
class DistillConfig(FromQuestionsConfig):
    """Answers of a (stronger) model to given questions; what was answered before is replaced."""

    system: str = ""
    """System text for questions that have none; it is not kept in the examples."""


@dataclass
class MultiTurnConfig(FromQuestionsConfig):
    """Dialogues: a given first question, then answers and further questions by the model in turn."""

    turns: int = 3
    """Most questions of a dialogue; it ends earlier when its topic is exhausted, but has at least two."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, turns=2)


DIRECTIONS = ("constrain", "deepen", "concretise", "reason", "broaden")


@dataclass
class EvolveConfig(FromQuestionsConfig):
    """Harder and broader versions of given instructions, with answers: Evol-Instruct (arXiv 2304.12244)."""

    rounds: int = 1
    """How often each instruction is taken further; every round gives an example."""
    directions: list[str] = field(default_factory=lambda: list(DIRECTIONS))
    """What a round may do: ``constrain``, ``deepen``, ``concretise``, ``reason`` (in depth), ``broaden`` (a new one beside it)."""
    similarity: float = 0.85
    """A version is rejected when its ROUGE-L with where it came from, or with an earlier one, is above this (0.5 to 1)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, rounds=1, similarity=0.5)
        for name in self.directions or [""]:
            if name not in DIRECTIONS:
                known = ", ".join(DIRECTIONS)
                raise Invalid("directions", f"knows {known}; got {name!r}", f"只支持 {known}，现在是 {name!r}")


@dataclass
class PreferenceConfig(FromQuestionsConfig):
    """Pairs of a better and a worse answer: two are written, a judge reads them in both orders."""

    second: EndpointConfig = field(default_factory=EndpointConfig)
    """Who writes the second answer; without a model: the same as the first, drawn again."""
    judge: EndpointConfig = writer_defaults(temperature=0.0, max_tokens=512)
    """Who judges; without a model: the writer of the first answer, at temperature 0."""

    def endpoints(self) -> dict[str, EndpointConfig]:
        others = {"second": self.second, "judge": self.judge}
        return {"endpoint": self.endpoint} | {name: who for name, who in others.items() if who.answers_with}


@dataclass
class RoleChatConfig(GenerateConfig):
    """Dialogues between two people with a role each; the model plays one of them when it is trained."""

    size: int = 1000
    """Examples to make; what ``clean`` drops is missing from them."""
    lines: int = 10
    """Lines of a dialogue that are asked for."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, size=1, lines=4)


@dataclass
class SchoolMathConfig(GenerateConfig):
    """Word problems of school with solutions whose every equation was recomputed."""

    size: int = 1000
    """Examples to make; what ``clean`` drops is missing from them."""
    similarity: float = 0.8
    """A problem is rejected when its ROUGE-L with an earlier one is above this (0.5 to 1)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, size=1, similarity=0.5)
