"""``belle completion``: the shell's script; and the words of a run put together again as the shell split them."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from belle_core.commands.candidates import complete_overrides
from belle_core.language import say

__all__ = ["Bash", "command", "complete_overrides"]

VARIABLE = "_BELLE_COMPLETE"
BREAKS = frozenset("=@:")
"""Characters of options at which Bash begins a new word (``COMP_WORDBREAKS``)."""
PLAIN = "COMPREPLY+=($value)"
OPEN_ENDED = f"{PLAIN}\n            [[ $value == *[=./@] ]] && compopt -o nospace"


@click.command("completion", help=say(
    'Print the completion script of a shell. Bash: eval "$(belle completion bash)" in ~/.bashrc.',
    '输出某个 shell 的补全脚本。Bash：在 ~/.bashrc 中写 eval "$(belle completion bash)"。'))  # fmt: skip
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Click's own script, which calls ``belle`` with ``_BELLE_COMPLETE`` set."""
    from belle_core.commands import group

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(group, {}, "belle", VARIABLE).source())


@add_completion_class
class Bash(BashComplete):
    """Bash splits ``+train@steps.a=lo`` into five words and replaces only the last; Click does not know either."""

    name = "bash"
    source_template: ClassVar[str] = BashComplete.source_template.replace(PLAIN, OPEN_ENDED)
    _before = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, place = split_arg_string(os.environ["COMP_WORDS"]), int(os.environ["COMP_CWORD"])
        typed = words[: place + 1] + [""] * (place + 1 - len(words))
        if set(typed[-1]) <= BREAKS and typed[-1]:
            typed.append("")  # nothing is typed after the sign yet
        joined = join(typed)
        self._before = joined[-1][: len(joined[-1]) - len(typed[-1])]
        return joined[1:-1], joined[-1]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{item.value.removeprefix(self._before)}"


def join(words: list[str]) -> list[str]:
    """Words with those that were one option put together: ``+train``, ``=``, ``lora`` become ``+train=lora``."""
    joined: list[str] = []
    glue = False
    for word in words:
        breaks = bool(word) and set(word) <= BREAKS
        if joined and (glue or breaks):
            joined[-1] += word
        else:
            joined.append(word)
        glue = breaks
    return joined
