"""Pictures as SVG text: loss curves, and bars with intervals. The same figures give the same bytes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unicodedata import east_asian_width

from belle_core.language import say
from belle_core.terminal import printable

INK = "#012345"
"""Drawn in, then replaced by the page's own text colour, so that pictures follow light and dark."""
COLOURS = ("#4878a8", "#c96f0c", "#4d9a6a", "#b5485d", "#8a6bb1", "#8c7b6b")
WIDTH = 7.2  # inches
FONT_SIZE = 10  # points
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: browsers have Chinese fonts, matplotlib may not
    "svg.id": None,
    "text.parse_math": False,  # names of categories are not formulas
    "font.size": FONT_SIZE,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

Bar = tuple[float, float, float]
"""Value, and the lower and upper bound of its interval."""


def loss_curve(records: Sequence[Mapping[str, Any]]) -> str:
    """Training and dev loss in nats over the optimizer steps, from ``{"step", "loss"}`` and ``{"step", "dev"}``.

    Below them the learning rate and the gradient's norm, where there is ``lr`` or ``grad_norm``.
    """
    more = any(record.get(name) is not None for record in records for name in ("lr", "grad_norm"))
    with _figure("loss", height=4.8 if more else 3.2, left=0.7, top=0.15, panels=2 if more else 1) as (axes, out):
        panels = axes if more else [axes]
        _line(panels[0], records, "loss", say("train", "训练"), color=COLOURS[0], lw=0.9)
        _line(panels[0], records, "dev", "dev", color=COLOURS[1], marker="o", ms=3)
        panels[0].set(ylabel=say("loss (nats)", "损失（nats）"), ylim=(0, None))
        panels[0].legend()
        if more:
            norm = panels[1].twinx()
            _line(panels[1], records, "lr", say("learning rate", "学习率"), color=COLOURS[2])
            _line(norm, records, "grad_norm", say("gradient norm", "梯度范数"), color=COLOURS[4], lw=0.9)
            norm.spines["right"].set_visible(True)
            for side, place in ((panels[1], "upper left"), (norm, "upper right")):
                side.set(ylim=(0, 1.4 * side.get_ylim()[1]))  # room for what the lines are
                side.legend(loc=place)
        panels[-1].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        panels[-1].set(xlabel=say("optimizer step", "优化步数"))
    return out[0]


def _line(axes: Any, records: Sequence[Mapping[str, Any]], name: str, label: str, **style: Any) -> None:
    points = [(record["step"], record[name]) for record in records if record.get(name) is not None]
    if points:
        axes.plot(*zip(*points, strict=True), label=label, **style)


def bars(categories: Sequence[str], series: Mapping[str, Sequence[Bar | None]]) -> str:
    """Horizontal bars between 0 and 1: a group per category, in it a bar per series with its interval."""
    thick = 0.8 / max(1, len(series))
    names = [_plain(name) for name in categories]
    left = 0.2 + max(map(_width, names), default=0.0)
    height = 0.9 + len(categories) * max(0.3, 0.17 * len(series))
    with _figure("bars", height=height, left=left, top=0.1 if len(series) < 2 else 0.4) as (axes, out):
        for number, (name, values) in enumerate(series.items()):
            drawn = [(row + number * thick, *value) for row, value in enumerate(values) if value is not None]
            if not drawn:
                continue
            places, heights, lows, highs = zip(*drawn, strict=True)
            spread = [[max(0.0, h - low) for h, low in zip(heights, lows, strict=True)],
                      [max(0.0, high - h) for h, high in zip(heights, highs, strict=True)]]  # fmt: skip
            axes.barh(places, heights, thick * 0.92, xerr=spread, color=COLOURS[number % len(COLOURS)],
                      ecolor=INK, error_kw={"lw": 0.8, "capsize": 2}, label=_plain(name))  # fmt: skip
        middle = thick * (len(series) - 1) / 2
        axes.set_yticks([row + middle for row in range(len(categories))], names)
        axes.set(xlim=(0, 1.02))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.invert_yaxis()
        if len(series) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
    return out[0]


@contextmanager
def _figure(salt: str, *, height: float, left: float, top: float, panels: int = 1) -> Iterator[tuple[Any, list[str]]]:
    """Axes to draw on (several: one above the other), sizes in inches; the list holds the SVG text afterwards."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    out: list[str] = []
    with rc_context({**STYLE, "svg.hashsalt": salt}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # only the browser draws letters
        figure = Figure(figsize=(WIDTH, height))
        figure.patch.set_visible(False)
        right = 0.97 if panels == 1 else 1 - left / WIDTH
        figure.subplots_adjust(left=left / WIDTH, right=right, top=1 - top / height, bottom=0.5 / height)
        shares = [2.0] + [1.0] * (panels - 1)
        axes = figure.subplots(panels, 1, sharex=True, subplot_kw={"facecolor": "none"}, height_ratios=shares)
        yield axes, out
        target = io.StringIO()
        FigureCanvasSVG(figure).print_svg(target, metadata={"Date": None, "Creator": None})
    out.append(_inline(target.getvalue()))


def _width(text: str) -> float:
    """Inches that a label takes in a browser; matplotlib cannot know, it may have no Chinese font."""
    return sum(1.0 if east_asian_width(c) in "WF" else 0.62 for c in text) * FONT_SIZE / 72


def _plain(text: str) -> str:
    """One short line that XML can hold."""
    line = " ".join(printable(text).split())
    return line if len(line) <= 40 else f"{line[:39]}…"


def _inline(svg: str) -> str:
    """The ``<svg>`` element alone, in the page's colour."""
    return svg[svg.index("<svg") :].replace(INK, "currentColor")
