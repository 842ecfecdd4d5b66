"""Options that all stages share in which a language model writes the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from belle_core.config import DataConfig, at_least, option
from belle_core.data.splits import held_out
from belle_core.errors import Invalid
from belle_core.generation.calls import EndpointConfig


@dataclass
class GenerateConfig(DataConfig):
    """Data that a language model writes."""

    endpoint: EndpointConfig = field(default_factory=EndpointConfig)
    """Who writes: ``data.endpoint.model``, ``data.endpoint.base_url`` …"""
    licence: str = option("", identity=False)
    """Under which terms the texts may be used; empty: a note that the terms of the model apply."""

    def __post_init__(self) -> None:
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


def writer_defaults(**more: Any) -> Any:
    """An endpoint with other defaults."""
    return field(default_factory=lambda: EndpointConfig(**more))
