"""What an objective is told when a run begins."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.stages import StageContext
from belle_core.training.batches import Passes
from belle_core.training.examples import EncodedExamples
from belle_core.training.loading import Loaded


@dataclass(frozen=True)
class Start:
    """The beginning of a training run."""

    loaded: Loaded
    context: StageContext
    train: EncodedExamples
    dev: EncodedExamples | None
    passes: Passes
    """How much one forward pass takes."""
