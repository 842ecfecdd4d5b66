"""``belle decrypt ENCRYPTED ORIGINAL TARGET``."""

from __future__ import annotations

from pathlib import Path

import click

from belle_core.language import say


@click.command(
    help=say(
        "Decrypt the *.enc files in the directory ENCRYPTED with the file ORIGINAL (consolidated.00.pth of LLaMA) into the new "
        "directory TARGET, for model.checkpoint=TARGET.",
        "用文件 ORIGINAL（LLaMA 的 consolidated.00.pth）解密目录 ENCRYPTED 中的 *.enc 文件，写入新目录 TARGET，供 model.checkpoint=TARGET 使用。",
    )
)
@click.argument("encrypted", type=click.Path(path_type=Path))
@click.argument("original", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def command(encrypted: Path, original: Path, target: Path) -> None:
    """Configuration, tokenizer, and weights as safetensors."""
    from belle_decrypt.convert import decrypt_directory

    names = decrypt_directory(encrypted, original, target)
    click.echo(
        say(
            f"{target}: {', '.join(names)}\nnext: belle +train=lora model.checkpoint={target}",
            f"{target}：{', '.join(names)}\n下一步：belle +train=lora model.checkpoint={target}",
        )
    )
