"""What trackers have in common: which figures, under which names, and when."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from belle_core.artifacts import Evaluation
from belle_core.events import Answers, Event, Metrics, RunFinished, RunStarted, StepFinished


class TrackerBase(ABC):
    """An observer of events that says what a tracker is told; a tracker says how.

    Names begin with the step's: ``sft/train_loss``. Whatever it raises switches the tracker off and nothing else.
    """

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.begin(event)
        elif isinstance(event, Metrics):
            self.figures(event.step, {f"{event.stream}_{name}": v for name, v in event.values.items()}, event.at)
        elif isinstance(event, Answers):
            self.answers(event.step, event.answers, event.at)
        elif isinstance(event, StepFinished):
            self.facts(event.step, {"fingerprint": event.artifact.fingerprint})
            if isinstance(event.artifact, Evaluation):
                self.evaluation(event.step, event.artifact)
        elif isinstance(event, RunFinished):
            self.end(failed=bool(event.error))

    @abstractmethod
    def begin(self, event: RunStarted) -> None:
        """Open a run with its name and its configuration."""

    @abstractmethod
    def figures(self, step: str, values: dict[str, float], at: int) -> None:
        """Figures of the run's *step* at optimizer step *at*."""

    @abstractmethod
    def facts(self, step: str, values: dict[str, Any]) -> None:
        """What is said once about a finished step."""

    def answers(self, step: str, answers: list[dict[str, str]], at: int) -> None:  # noqa: B027
        """Answers to dev questions; nothing is sent by a tracker that has no place for text."""

    def evaluation(self, step: str, evaluation: Evaluation) -> None:
        """Scores, overall and by category."""
        self.facts(step, evaluation.scores)

    @abstractmethod
    def end(self, *, failed: bool) -> None:
        """Close the run."""


class LightningTracker(TrackerBase):
    """A tracker that is one of Lightning's loggers; a plugin opens it."""

    logger: Any = None

    @abstractmethod
    def open(self, event: RunStarted) -> Any:
        """The logger of this run."""

    def begin(self, event: RunStarted) -> None:
        """The configuration becomes hyper-parameters."""
        self.logger = self.open(event)
        self.logger.log_hyperparams(event.config)

    def figures(self, step: str, values: dict[str, float], at: int) -> None:
        """One point of each curve."""
        self.logger.log_metrics({f"{step}/{name}": value for name, value in values.items()}, step=at)

    def evaluation(self, step: str, evaluation: Evaluation) -> None:
        """Scores are curves of one point."""
        self.figures(step, evaluation.scores, 0)
        for category, scores in evaluation.categories.items():
            self.figures(f"{step}/{category}", scores, 0)

    def end(self, *, failed: bool) -> None:
        """What is buffered is written."""
        self.logger.finalize("failed" if failed else "success")


def as_text(answers: list[dict[str, str]]) -> str:
    """Answers in plain text, for trackers that show text."""
    lines = [f"? {one['question']}\n= {one['reference']}\n> {one['answer']}\n" for one in answers]
    return "\n".join(lines)
