"""The page of a run."""

from __future__ import annotations

from pathlib import Path

from belle_core.artifacts import Artifact


def write_report(directory: Path, artifacts: dict[str, Artifact]) -> None:
    """Write ``report.html`` into *directory*."""
