"""Sends what happens in a run to SwanLab. Its logger for Lightning is not used: that needs the package ``lightning``."""

from __future__ import annotations

import os
from typing import Any

import swanlab

from belle_core.artifacts import Evaluation
from belle_core.events import RunStarted
from belle_core.terminal import printable
from belle_core.tracking import TrackerBase, as_text
from belle_swanlab.config import SwanlabConfig


class SwanlabTracker(TrackerBase):
    """One SwanLab run per run."""

    def __init__(self, config: SwanlabConfig) -> None:
        self.config = config
        self.run: Any = None

    def begin(self, event: RunStarted) -> None:
        """Nobody is asked anything; the terminal, the command line and the repository's address are not recorded."""
        os.environ["SWANLAB_INTERACTIVE"] = "false"
        settings = swanlab.Settings(
            interactive=False,
            terminal=swanlab.Settings.Terminal(proxy_type="none"),
            probe=swanlab.Settings.Probe(runtime=False, requirements=False, git=False),
        )
        self.run = swanlab.init(
            project=self.config.project,
            workspace=self.config.workspace,
            name=event.name,
            config=event.config,
            mode=self.config.mode,  # type: ignore[arg-type]
            log_dir=self.config.directory,
            settings=settings,
        )

    def figures(self, step: str, values: dict[str, float], at: int) -> None:
        """One point of each curve."""
        self.run.log({f"{step}/{name}": value for name, value in values.items()}, step=at)

    def answers(self, step: str, answers: list[dict[str, str]], at: int) -> None:
        """A text per look."""
        self.run.log({f"{step}/answers": swanlab.Text(printable(as_text(answers)))}, step=at)

    def facts(self, step: str, values: dict[str, Any]) -> None:
        """In the run's configuration."""
        self.run.config.update({f"{step}/{name}": value for name, value in values.items()})

    def evaluation(self, step: str, evaluation: Evaluation) -> None:
        """Scores are curves of one point."""
        self.figures(step, evaluation.scores, 0)
        for category, scores in evaluation.categories.items():
            self.figures(f"{step}/{category}", scores, 0)

    def end(self, *, failed: bool) -> None:
        """Everything is written, or sent."""
        self.run.finish(state="crashed" if failed else "success")
