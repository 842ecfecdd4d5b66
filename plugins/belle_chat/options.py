"""Options that ``chat`` and ``predict`` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def generation_options(*, temperature: float, max_tokens: int) -> Callable[[Any], Any]:
    """How answers are drawn, and by which template questions are written."""
    options = [
        click.option(
            "--temperature",
            type=click.FloatRange(min=0),
            default=temperature,
            show_default=True,
            help="0 takes the likeliest token.",
        ),
        click.option(
            "--top-p",
            type=click.FloatRange(0, 1, min_open=True),
            default=1.0,
            show_default=True,
            help="Sample from the likeliest tokens with this probability together.",
        ),
        click.option(
            "--max-tokens",
            type=click.IntRange(min=1),
            default=max_tokens,
            show_default=True,
            help="Longest answer, in tokens.",
        ),
        click.option("--seed", type=int, default=0, show_default=True, help="Seed of the sampling."),
        click.option(
            "--template", metavar="NAME", help="Chat template, where the model carries none or another is wanted."
        ),
    ]

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add
