"""Weights of llama2.c (github.com/karpathy/llama2.c) as a Hugging Face directory."""

from belle_core import Command, hookimpl


@hookimpl
def belle_commands() -> list[Command]:
    return [
        Command(
            name="llama2c",
            run="belle_llama2c.command:command",
            help="Convert a llama2.c checkpoint to a Hugging Face directory.",
            help_zh="把 llama2.c 的检查点转换为 Hugging Face 目录。",
        )
    ]
