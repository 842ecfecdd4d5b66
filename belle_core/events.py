"""What happens during a run, as observers (console, local record, trackers, plugins) are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from belle_core.artifacts import Artifact


@dataclass(frozen=True, kw_only=True)
class Event:
    """The common type of everything observers are told."""


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A run begins; ``config`` is the resolved configuration as plain values, secrets not among them."""

    name: str
    directory: Path
    config: dict[str, Any]
    steps: list[str]


@dataclass(frozen=True, kw_only=True)
class StepStarted(Event):
    """A step begins, ``number`` of ``total``; not sent for a step found in the store."""

    step: str
    title: str
    number: int
    total: int
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Metrics(Event):
    """Figures of a running step, such as loss in nats, at optimizer step ``at``."""

    step: str
    stream: str
    values: dict[str, float]
    at: int


@dataclass(frozen=True, kw_only=True)
class Answers(Event):
    """What the model of a running step answers at optimizer step ``at``: ``{"id", "question", "reference", "answer"}``."""

    step: str
    answers: list[dict[str, str]]
    at: int


@dataclass(frozen=True, kw_only=True)
class StepFinished(Event):
    """A step's artifact is in the store; ``cached`` when it was there before."""

    step: str
    title: str
    number: int
    total: int
    artifact: Artifact
    cached: bool
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    """The run ended; ``error`` is empty when it succeeded."""

    name: str
    directory: Path
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    error: str = ""
