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
        lines = "".join(json.dumps(point.plain()) + "\n" for point in self.points)
        (directory / "curve.jsonl").write_text(lines, encoding="utf-8")
        draw(self, directory / "loss.svg")


def draw(curve: Curve, path: Path) -> None:
    """Training and dev loss over the optimizer steps, as SVG whose text stays text."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "belle"}):
        figure = Figure(figsize=(7, 3.5), layout="tight")
        axes = figure.add_subplot()
        train = [(point.step, point.loss) for point in curve.points if point.loss is not None]
        dev = [(point.step, point.dev) for point in curve.points if point.dev is not None]
        axes.plot(*zip(*train, strict=True), lw=0.8, color="#9db4c8", label="train")
        if dev:
            axes.plot(*zip(*dev, strict=True), "o-", ms=3, color="#c2410c", label="dev")
        axes.set(xlabel="step", ylabel="loss (nats)", ylim=(0, None))
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        FigureCanvasSVG(figure).print_svg(path, metadata={"Date": None})
