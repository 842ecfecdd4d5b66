"""Options and arguments that the subcommands of ``belle`` share."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from belle_core.language import say

F = TypeVar("F", bound=Callable[..., Any])


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from belle_core.commands.completion import complete_overrides

    return complete_overrides(incomplete, [str(word) for word in context.params.get(parameter.name or "") or ()])


def _complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from belle_core.api import default_store
    from belle_core.runs import read_runs

    return [CompletionItem(run.name) for run in read_runs(default_store().root) if run.name.startswith(incomplete)]


def _complete_run_or_file(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file"), *_complete_run(context, parameter, incomplete)]


def with_overrides(command: F) -> F:
    """``OVERRIDES…`` as for a run, and ``--config-dir``."""
    command = click.argument("overrides", nargs=-1, shell_complete=_complete)(command)
    help_text = say("Directory with further presets, as for a run.", "附加预设所在的目录，与运行时相同。")
    return click.option("--config-dir", "-cd", type=click.Path(), help=help_text)(command)


def with_json(command: F) -> F:
    """``--json``: the documented keys on standard output, and nothing else there."""
    help_text = say("Print JSON only; its keys are in docs/commands.md.", "只输出 JSON；各键见 docs/commands.md。")
    return click.option("--json", "as_json", is_flag=True, help=help_text)(command)


def run_arguments(name: str = "names", *, files: bool = False, **how: Any) -> Callable[[F], F]:
    """Names of runs, completed from the store; with *files*, files where no run begins so."""
    return click.argument(name, shell_complete=_complete_run_or_file if files else _complete_run, **how)


def with_yes(command: F) -> F:
    """``--yes``: do not ask."""
    return click.option("--yes", "-y", is_flag=True, help=say("Do not ask.", "不再询问。"))(command)


def print_json(value: Any) -> None:
    """*value* as indented JSON; Chinese stays readable, where the encoding has it."""
    narrow = not (sys.stdout.encoding or "").lower().startswith("utf")
    click.echo(json.dumps(value, indent=2, ensure_ascii=narrow, allow_nan=False, default=str))


def confirmed(question: str, yes: bool) -> bool:
    """Whether to go on: ``--yes``, or the answer at the terminal; no terminal means no."""
    if yes:
        return True
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        return False


class Finite(click.FloatRange):
    """A range of numbers in which ``nan`` and ``inf`` are not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(say(f"{value} is no number to reckon with", f"{value} 不是可用的数"), param, ctx)
        return number
