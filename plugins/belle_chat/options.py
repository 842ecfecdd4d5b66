"""Options that ``chat`` and ``predict`` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from belle_core.commands.options import Finite
from belle_core.language import say


def generation_options(*, temperature: float, max_tokens: int) -> Callable[[Any], Any]:
    """How answers are drawn, and by which template questions are written."""
    options = [
        click.option(
            "--temperature",
            type=Finite(min=0),
            default=temperature,
            show_default=True,
            help=say("0 takes the likeliest token.", "0 表示总取最可能的词元。"),
        ),
        click.option(
            "--top-p",
            type=Finite(0, 1, min_open=True),
            default=1.0,
            show_default=True,
            help=say(
                "Sample from the likeliest tokens with this probability together.",
                "只从累计概率达到此值的最可能词元中采样。",
            ),
        ),
        click.option(
            "--max-tokens",
            type=click.IntRange(min=1),
            default=max_tokens,
            show_default=True,
            help=say("Longest answer, in tokens.", "回答最长多少词元。"),
        ),
        click.option(
            "--seed", type=int, default=0, show_default=True, help=say("Seed of the sampling.", "采样的随机种子。")
        ),
        click.option(
            "--template",
            metavar="NAME",
            help=say(
                "Chat template, where the model carries none or another is wanted.",
                "对话模板；模型没有自带或想换用时指定。",
            ),
        ),
    ]

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add
