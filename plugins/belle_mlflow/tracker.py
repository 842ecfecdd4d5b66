"""Sends what happens in a run to MLflow."""

from __future__ import annotations

import os
from typing import Any

import mlflow  # noqa: F401  its absence is told before Lightning tells it otherwise
from pytorch_lightning.loggers import MLFlowLogger

from belle_core.artifacts import Evaluation
from belle_core.events import RunStarted
from belle_core.tracking import LightningTracker, as_text
from belle_mlflow.config import MlflowConfig


class MlflowTracker(LightningTracker):
    """One MLflow run per run."""

    def __init__(self, config: MlflowConfig) -> None:
        self.config = config

    def open(self, event: RunStarted) -> Any:
        """A server that does not answer is given up soon; MLflow alone would try for many minutes."""
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(self.config.timeout))
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        uri = self.config.uri or os.environ.get("MLFLOW_TRACKING_URI") or "mlruns"
        if "://" not in uri:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # the store that needs no database
        return MLFlowLogger(experiment_name=self.config.experiment, run_name=event.name, tracking_uri=uri)

    def answers(self, step: str, answers: list[dict[str, str]], at: int) -> None:
        """A text file per look."""
        self.logger.experiment.log_text(self.logger.run_id, as_text(answers), f"{step}/answers-{at:06d}.txt")

    def evaluation(self, step: str, evaluation: Evaluation) -> None:
        """Overall scores as metrics, categories as a file: Lightning takes Chinese letters out of the names of metrics."""
        self.figures(step, evaluation.scores, 0)
        self.logger.experiment.log_dict(self.logger.run_id, evaluation.categories, f"{step}/categories.json")

    def facts(self, step: str, values: dict[str, Any]) -> None:
        """As tags."""
        for name, value in values.items():
            self.logger.experiment.set_tag(self.logger.run_id, f"{step}/{name}", value)
