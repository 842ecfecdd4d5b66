"""Shows how an example is encoded: segments, tokens, and which of them are learned."""

from belle_core import Command, hookimpl


@hookimpl
def belle_commands() -> list[Command]:
    return [
        Command(
            name="inspect",
            run="belle_inspect.command:command",
            help="Tokens, labels and template of any example.",
            help_zh="查看任意样本的词元、标签与模板。",
        )
    ]
