"""The page of a run: its steps and where they come from, loss curves, evaluations compared, answers side by side."""

from __future__ import annotations

from pathlib import Path

from belle_core.artifacts import Artifact, fingerprint
from belle_core.language import chinese
from belle_core.smallfiles import write_text

VERSION = 4
"""Raised when the same artifacts should give another page."""
HEAD = 2000
"""Characters at the beginning of a page that hold its stamp."""


def write_report(directory: Path, artifacts: dict[str, Artifact]) -> None:
    """Write ``report.html`` into *directory*; nothing is done, or imported, when it shows these artifacts already."""
    path = directory / "report.html"
    keys = {name: artifact.fingerprint for name, artifact in artifacts.items()}
    stamp = fingerprint({"version": VERSION, "chinese": chinese(), "steps": list(keys.items())})
    if _stamped(path, stamp):
        return
    from belle_core.report.page import page
    from belle_core.report.sections import sections

    write_text(path, page(f"belle · {directory.name}", sections(directory, artifacts), stamp=stamp))


def _stamped(path: Path, stamp: str) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return f'name="belle-stamp" content="{stamp}"' in file.read(HEAD)
    except (OSError, UnicodeDecodeError):
        return False
