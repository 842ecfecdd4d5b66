"""Pages that open offline: HTML from templates, pictures from matplotlib."""

from belle_core.report.run import write_report

__all__ = ["write_report"]
