"""BELLE's published LLaMA weights, which are encrypted with the original ones, as a Hugging Face directory."""

from belle_core import Command, hookimpl


@hookimpl
def belle_commands() -> list[Command]:
    return [
        Command(
            name="decrypt",
            run="belle_decrypt.command:command",
            help="Decrypt BELLE's LLaMA weights with the original ones.",
            help_zh="用原始 LLaMA 权重解密 BELLE 发布的权重。",
        )
    ]
