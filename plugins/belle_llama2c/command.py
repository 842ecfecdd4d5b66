"""``belle llama2c CHECKPOINT TOKENIZER TARGET``."""

from __future__ import annotations

from pathlib import Path

import click

from belle_core.language import say


@click.command(
    help="Convert CHECKPOINT (.bin) with its TOKENIZER (.bin) into the new directory TARGET, for model.checkpoint=TARGET."
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
