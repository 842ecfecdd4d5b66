"""Options of the filter ``contamination``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from belle_core.config import at_least, option
from belle_core.errors import Invalid


@dataclass
class ContaminationConfig:
    """Finds examples that ask what an evaluation asks, exactly or nearly; they are dropped or only reported."""

    against: Any = option(None, file=True, questions=True)
    """Files of questions (file, directory, glob or a list), in any layout that data can have; left out: those of the run's evaluations."""
    remove: bool = True
    """Drop what is found; ``false`` keeps it and says so in ``contamination.jsonl`` and beside the score."""
    threshold: float = 0.65
    """Least share of a question's n-grams, weighted by how rare they are in the evaluation, that must stand in what an example asks (0.3 to 1)."""
    size: int = 3
    """Characters of an n-gram; twice as many where a question is mostly letters."""

    def __post_init__(self) -> None:
        at_least(self, size=2)
        if not 0.3 <= self.threshold <= 1:
            raise Invalid(
                "threshold",
                f"must be from 0.3 to 1, got {self.threshold}",
                f"应在 0.3 到 1 之间，现在是 {self.threshold}",
            )
