"""What can be known before the tokenizer is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from belle_core.checkpoint import check_checkpoint
from belle_core.errors import BelleError
from belle_pretrained.config import PretrainedConfig


def check(config: PretrainedConfig, shared: dict[str, Any]) -> None:
    """Raise ``BelleError`` when there is nothing to take."""
    if config.path is None:
        if shared["model"].checkpoint is None:
            raise BelleError(
                "tokenizer=pretrained: a model built from its architecture brings no tokenizer; "
                "say tokenizer.path=<tokenizer.model or directory>, or train one with +tokenizer=bpe",
                "tokenizer=pretrained：从 architecture 新建的模型没有自带分词器；"
                "请写 tokenizer.path=<tokenizer.model 或目录>，或用 +tokenizer=bpe 训练一个",
            )
        check_checkpoint(shared["model"], weights=False)
    elif not Path(config.path).expanduser().exists():
        raise BelleError(
            f"tokenizer.path={config.path}: there is no such file or directory",
            f"tokenizer.path={config.path}：没有这个文件或目录",
        )
