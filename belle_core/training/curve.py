"""The course of a run: kept in memory, saved with its state, written as JSON Lines and as a picture."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Point:
    """Figures after an optimizer step; losses in nats."""

    step: int
    loss: float | None = None
    lr: float | None = None
    grad_norm: float | None = None
    dev: float | None = None


class Curve:
    """One point per optimizer step; step 0 is before the first."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    def add(self, point: Point) -> None:
        """Append the next point."""
        self.points.append(point)

    def rows(self) -> list[tuple[float | None, ...]]:
        """Plain values, as they are saved."""
        return [astuple(point) for point in self.points]

    @classmethod
    def of(cls, rows: list[tuple[float | None, ...]]) -> Curve:
        """The inverse of :meth:`rows`."""
        curve = cls()
        curve.points = [Point(*row) for row in rows]  # type: ignore[arg-type]
        return curve

    def train_loss(self, last: int) -> float:
        """Mean loss over the *last* steps."""
        losses = [point.loss for point in self.points[-last:] if point.loss is not None]
        return sum(losses) / len(losses)

    @property
    def dev(self) -> list[Point]:
        """The points at which the dev loss was taken."""
        return [point for point in self.points if point.dev is not None]

    def write(self, directory: Path) -> None:
        """``curve.jsonl`` and ``loss.svg``."""
        lines = ({k: v for k, v in asdict(point).items() if v is not None} for point in self.points)
        (directory / "curve.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
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
