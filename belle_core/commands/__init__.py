"""Subcommands of ``belle``: the core's own and those that plugins offer, imported when called."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

from belle_core.language import say
from belle_core.names import unknown
from belle_core.plugins import load_commands
from belle_core.stages import Command, load_object

CORE = (
    Command(
        name="plan",
        run="belle_core.commands.plan:command",
        help="Show what a run would do, before anything runs.",
        help_zh="在运行之前显示将要做什么。",
    ),
    Command(
        name="plugins",
        run="belle_core.commands.plugins:command",
        help="What is installed, and whether it is sound.",
        help_zh="已安装的插件及检查。",
    ),
    Command(
        name="runs",
        run="belle_core.commands.runs:command",
        help="Runs and artifacts: list, show, compare, gc.",
        help_zh="运行与产物：列表、详情、比较、清理。",
    ),
    Command(
        name="compare",
        run="belle_core.commands.compare:command",
        help="Runs side by side: what differs in options and scores.",
        help_zh="并排比较多个运行的选项与分数。",
    ),
    Command(
        name="doctor",
        run="belle_core.commands.doctor:command",
        help="This machine, versions, and what is missing for what.",
        help_zh="检查本机、版本与缺失的软件包。",
    ),
    Command(
        name="completion",
        run="belle_core.commands.completion:command",
        help="Shell completion: bash, zsh, fish.",
        help_zh="命令行补全：bash、zsh、fish。",
    ),
)


COMPLETE = "_BELLE_COMPLETE"
WORDS = "belle_core.words"
"""Where a context keeps the words typed so far."""


class Commands(click.Group):
    """Finds a subcommand by name and imports only that one."""

    def _offered(self) -> dict[str, Command]:
        return {command.name: command for command in CORE} | load_commands()

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(self._offered())

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        own = {command.name: command for command in CORE}  # these work even when a plugin is broken
        if (command := own.get(name) or load_commands().get(name)) is None:
            if context.resilient_parsing:
                return None
            raise unknown("command", name, self._offered(), typed=f"belle {name}")
        found: click.Command = load_object(command.run, wanted_by=f"belle {name}", extra=None)
        return found

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(say("Commands", "命令")):
            formatter.write_dl([(name, say(c.help, c.help_zh)) for name, c in sorted(self._offered().items())])

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        context.meta[WORDS] = list(args)
        return super().parse_args(context, args)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[click.shell_completion.CompletionItem]:
        """Subcommands as the first word, and what a run understands."""
        from belle_core.commands.completion import complete_overrides

        words = context.meta.get(WORDS, [])
        return [*([] if words else super().shell_complete(context, incomplete)), *complete_overrides(incomplete, words)]

    def main(self, *args: Any, **how: Any) -> Any:
        """As Click's, with our way of completing in Bash."""
        if COMPLETE in os.environ:
            import_module("belle_core.commands.completion")  # registers itself
        return super().main(*args, **how)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("belle"), prog_name="belle")
def group() -> None:
    """Runs are no commands, and never come here."""
