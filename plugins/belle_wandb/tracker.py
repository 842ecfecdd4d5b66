"""Sends what happens in a run to Weights & Biases."""

from __future__ import annotations

import os
from functools import singledispatchmethod
from typing import Any

import wandb

from belle_core.artifacts import Evaluation
from belle_core.events import Event, Metrics, RunFinished, RunStarted, StepFinished
from belle_wandb.config import WandbConfig


class WandbTracker:
    """An observer of events. Each step's metrics have the step's name before them and an x-axis of their own."""

    def __init__(self, config: WandbConfig) -> None:
        self.config = config
        self.run: Any = None

    def __call__(self, event: Event) -> None:
        self._handle(event)

    @singledispatchmethod
    def _handle(self, event: Event) -> None:
        """Other events are of no interest."""

    @_handle.register
    def _started(self, event: RunStarted) -> None:
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

    @_handle.register
    def _metrics(self, event: Metrics) -> None:
        values = {f"{event.step}/{event.stream}_{name}": value for name, value in event.values.items()}
        self.run.log(values | {f"{event.step}/step": event.at})

    @_handle.register
    def _step(self, event: StepFinished) -> None:
        self.run.summary[f"{event.step}/fingerprint"] = event.artifact.fingerprint
        if isinstance(event.artifact, Evaluation):
            metrics = list(event.artifact.scores)
            rows = [
                [category, *(scores.get(m) for m in metrics)] for category, scores in event.artifact.categories.items()
            ]
            self.run.log({f"{event.step}/categories": wandb.Table(columns=["category", *metrics], data=rows)})
            for metric, value in event.artifact.scores.items():
                self.run.summary[f"{event.step}/{metric}"] = value

    @_handle.register
    def _finished(self, event: RunFinished) -> None:
        self.run.finish(exit_code=1 if event.error else 0)

    def _mode(self) -> str | None:
        if self.config.mode != "auto":
            return self.config.mode
        if os.environ.get("WANDB_MODE"):
            return None  # wandb reads it itself
        return "online" if os.environ.get("WANDB_API_KEY") or wandb.api.api_key else "offline"
