"""The course of a run: kept in memory, saved with its state, written as JSON Lines and as a picture."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Point:
    """Figures after an optimizer step; losses in nats."""

    step: int
    loss: float | None = None
    lr: float | None = None
    grad_norm: float | None = None
    dev: float | None = None
    figures: dict[str, float] = field(default_factory=dict)
    """What the objective reported beside the loss."""
    dev_figures: dict[str, float] = field(default_factory=dict)

    def plain(self) -> dict[str, float]:
        """What there is, by name."""
        own = {name: value for name, value in vars(self).items() if isinstance(value, (int, float))}
        return own | self.figures | {f"dev_{name}": value for name, value in self.dev_figures.items()}


class Curve:
    """One point per optimizer step; step 0 is before the first."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    def add(self, point: Point) -> None:
        """Append the next point."""
        self.points.append(point)

    def rows(self) -> list[tuple[Any, ...]]:
        """Plain values, as they are saved."""
        return [astuple(point) for point in self.points]

    @classmethod
    def of(cls, rows: list[tuple[Any, ...]]) -> Curve:
        """The inverse of :meth:`rows`."""
        curve = cls()
        curve.points = [Point(*row) for row in rows]
        return curve

    def train_loss(self, last: int) -> float:
        """Mean loss over the *last* steps."""
        losses = [point.loss for point in self.points[-last:] if point.loss is not None]
        return sum(losses) / len(losses)

    def figures(self, last: int) -> dict[str, float]:
        """Means of the reported figures over the *last* steps."""
        found = [point.figures for point in self.points[-last:] if point.loss is not None]
        return {name: sum(one[name] for one in found) / len(found) for name in found[-1]}

    @property
    def dev(self) -> list[Point]:
        """The points at which the dev loss was taken."""
        return [point for point in self.points if point.dev is not None]

    def write(self, directory: Path) -> None:
        """``curve.jsonl`` and ``loss.svg``."""
        from belle_core.report.charts import loss_curve

        records = [point.plain() for point in self.points]
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (directory / "curve.jsonl").write_text(lines, encoding="utf-8")
        (directory / "loss.svg").write_text(loss_curve(records), encoding="utf-8")
