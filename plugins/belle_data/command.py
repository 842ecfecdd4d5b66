"""``belle data``: the group of its four subcommands."""

from __future__ import annotations

import click

from belle_core.language import say
from belle_data.diff_command import diff
from belle_data.sample_command import sample
from belle_data.show_command import show
from belle_data.stats_command import stats


@click.group("data", help=say(
    "Look at examples. REFERENCE is a run, a run's step (<run>/<step>), a fingerprint, or a file or directory that any installed format reads.",
    "查看样本。REFERENCE 为运行、运行的步骤（<运行>/<步骤>）、指纹，或任一已安装格式可读的文件或目录。"))  # fmt: skip
def command() -> None:
    """Holds the subcommands."""


for one in (show, stats, diff, sample):
    command.add_command(one)
