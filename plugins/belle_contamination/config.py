"""Options of the filter ``contamination``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from belle_core.config import at_least, between, option


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
        between(self, "threshold", 0.3, 1)
