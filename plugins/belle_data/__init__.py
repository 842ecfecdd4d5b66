"""Looks at data: shows, counts, compares and draws examples of an artifact, a file or a directory."""

from belle_core import Command, hookimpl


@hookimpl
def belle_commands() -> list[Command]:
    return [
        Command(
            name="data",
            run="belle_data.command:command",
            help="Look at data: show, stats, diff, sample.",
            help_zh="查看数据：显示、统计、比较、抽样。",
        )
    ]
