"""Sends what happens in a run to Weights & Biases."""

from __future__ import annotations

import os
from typing import Any

import wandb

from belle_core.artifacts import Evaluation
from belle_core.events import RunStarted
from belle_core.tracking import TrackerBase
from belle_wandb.config import WandbConfig


class WandbTracker(TrackerBase):
    """Each step's metrics have an x-axis of their own."""

    def __init__(self, config: WandbConfig) -> None:
        self.config = config
        self.run: Any = None

    def begin(self, event: RunStarted) -> None:
        """Offline where no key is known."""
        self.run = wandb.init(
            project=self.config.project,
            entity=self.config.entity,
            name=event.name,
            config=event.config,
            mode=self._mode(),
            dir=self.config.directory,
            settings=wandb.Settings(silent=True, init_timeout=self.config.timeout),
        )
        for step in event.steps:
            self.run.define_metric(f"{step}/*", step_metric=f"{step}/step")

    def figures(self, step: str, values: dict[str, float], at: int) -> None:
        """One point of each curve."""
        self.run.log({f"{step}/{name}": value for name, value in values.items()} | {f"{step}/step": at})

    def answers(self, step: str, answers: list[dict[str, str]], at: int) -> None:
        """A table per look."""
        columns = ["id", "question", "reference", "answer"]
        table = wandb.Table(columns=columns, data=[[one[name] for name in columns] for one in answers])
        self.run.log({f"{step}/answers": table, f"{step}/step": at})

    def facts(self, step: str, values: dict[str, Any]) -> None:
        """In the summary."""
        for name, value in values.items():
            self.run.summary[f"{step}/{name}"] = value

    def evaluation(self, step: str, evaluation: Evaluation) -> None:
        """The summary, and a table by category."""
        self.facts(step, evaluation.scores)
        metrics = list(evaluation.scores)
        rows = [[category, *(scores.get(m) for m in metrics)] for category, scores in evaluation.categories.items()]
        self.run.log({f"{step}/categories": wandb.Table(columns=["category", *metrics], data=rows)})

    def end(self, *, failed: bool) -> None:
        """Everything is written, or sent."""
        self.run.finish(exit_code=int(failed))

    def _mode(self) -> str | None:
        if self.config.mode != "auto":
            return self.config.mode
        if os.environ.get("WANDB_MODE"):
            return None  # wandb reads it itself
        return "online" if os.environ.get("WANDB_API_KEY") or wandb.api.api_key else "offline"
