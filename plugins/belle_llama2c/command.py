"""``belle llama2c CHECKPOINT TOKENIZER TARGET``."""

from __future__ import annotations

from pathlib import Path

import click

from belle_core.language import say


@click.command(
    help=say(
        "Convert CHECKPOINT (.bin) with its TOKENIZER (.bin) into the new directory TARGET, for model.checkpoint=TARGET.",
        "把 CHECKPOINT（.bin）及其 TOKENIZER（.bin）转换到新目录 TARGET，供 model.checkpoint=TARGET 使用。",
    )
)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("tokenizer", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def command(checkpoint: Path, tokenizer: Path, target: Path) -> None:
    """Writes config.json, model.safetensors and the tokenizer."""
    from belle_llama2c.convert import convert

    convert(checkpoint, tokenizer, target)
    click.echo(
        say(f"{target}: use it with model.checkpoint={target}", f"{target}：用 model.checkpoint={target} 使用它")
    )
