"""Finds the weights that ``model.checkpoint`` names, before and at the time of use."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from belle_core.config import ModelConfig
from belle_core.errors import BelleError
from belle_core.layout import ADAPTER, ADAPTER_WEIGHTS, check_adapter, check_model
from belle_core.smallfiles import read_object


def check_checkpoint(model: ModelConfig, *, weights: bool = True) -> None:
    """Raise ``BelleError`` when the weights can neither be built, nor are on disk, nor on a hub that answers.

    ``weights=False``: only configuration and tokenizer are needed.
    """
    if model.adapter is not None:
        _check_adapter(model)
    if model.checkpoint is None:
        if not model.architecture:
            raise BelleError(
                "model has neither a checkpoint nor an architecture; say model.checkpoint=<directory or hub name>, or model=tiny",
                "model 既没有 checkpoint 也没有 architecture；请写 model.checkpoint=<目录或 hub 名称>，或 model=tiny",
            )
        return
    path = Path(model.checkpoint).expanduser()
    if path.is_dir():
        if (path / ADAPTER).is_file():
            base = (read_object(path / ADAPTER) or {}).get("base_model_name_or_path")
            here, here_zh = (f", here {base}", f"，这里是 {base}") if isinstance(base, str) and base else ("", "")
            raise BelleError(
                f"model.checkpoint={model.checkpoint} is an adapter; say model.checkpoint=<its base{here}> model.adapter={model.checkpoint}",
                f"model.checkpoint={model.checkpoint} 是一个适配器；请写 model.checkpoint=<其基座{here_zh}> model.adapter={model.checkpoint}",
            )
        if not (path / "config.json").is_file():
            raise BelleError(
                f"model.checkpoint={model.checkpoint}: the directory holds no config.json, so it is no Hugging Face model",
                f"model.checkpoint={model.checkpoint}：目录中没有 config.json，不是 Hugging Face 模型",
            )
        return check_model(path, weights=weights)
    if model.hub == "modelscope" and is_hub_name(model.checkpoint):
        return check_modelscope()
    if not is_hub_name(model.checkpoint) or not _on_hub(model):
        raise _not_found(model)


def _check_adapter(model: ModelConfig) -> None:
    if model.checkpoint is None:
        raise BelleError(
            f"model.adapter={model.adapter} needs its base; say model.checkpoint=<directory or hub name>",
            f"model.adapter={model.adapter} 需要基座；请写 model.checkpoint=<目录或 hub 名称>",
        )
    directory = Path(str(model.adapter)).expanduser()
    for name in (ADAPTER, ADAPTER_WEIGHTS):
        if not (directory / name).is_file():
            raise BelleError(
                f"model.adapter={model.adapter}: there is no {name} in it; it should be a directory as peft writes it (no pickled weights)",
                f"model.adapter={model.adapter}：其中没有 {name}；应为 peft 写出的目录（不支持 pickle 权重）",
            )
    check_adapter(directory)


def fetch(model: ModelConfig, *, weights: bool = True) -> Path:
    """Directory of the checkpoint's files, downloaded from the hub if it is a name.

    ``weights=False`` fetches configuration and tokenizer only. Raises ``BelleError`` when they cannot be had.
    """
    assert model.checkpoint is not None
    path = Path(model.checkpoint).expanduser()
    if path.is_dir():
        return path
    patterns = ["*.json", "*.model", "*.txt", "*.jinja"] + (["*.safetensors"] if weights else [])
    try:
        return Path(_download(model, patterns))
    except BelleError:
        raise
    except Exception as error:  # the hub clients raise dozens of types for no network, no such name, no access
        raise _not_found(model, why=type(error).__name__) from error


def _download(model: ModelConfig, patterns: list[str]) -> str:
    assert model.checkpoint is not None
    if model.hub == "modelscope":
        check_modelscope()
        from modelscope import snapshot_download as from_modelscope

        return str(from_modelscope(model.checkpoint, revision=model.revision, allow_patterns=patterns))
    from huggingface_hub import snapshot_download

    return snapshot_download(model.checkpoint, revision=model.revision, allow_patterns=patterns)


def check_modelscope() -> None:
    """Raise ``BelleError`` when ModelScope's client is not installed."""
    if find_spec("modelscope") is None:
        raise BelleError(
            'model.hub=modelscope needs the package modelscope: pip install "belle[modelscope]"',
            'model.hub=modelscope 需要软件包 modelscope：pip install "belle[modelscope]"',
        )


def is_hub_name(checkpoint: str) -> bool:
    """Whether it can be the name of a repository (``team/model``) rather than a path."""
    parts = checkpoint.split("/")
    return len(parts) == 2 and all(parts) and not checkpoint.startswith((".", "~", "/")) and "\\" not in checkpoint


def _on_hub(model: ModelConfig) -> bool:
    """Whether the configuration is in the local cache or the hub hands it out within a few seconds."""
    from huggingface_hub import hf_hub_url, try_to_load_from_cache

    assert model.checkpoint is not None
    if isinstance(try_to_load_from_cache(model.checkpoint, "config.json", revision=model.revision), str):
        return True
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    from huggingface_hub import get_hf_file_metadata

    try:
        get_hf_file_metadata(hf_hub_url(model.checkpoint, "config.json", revision=model.revision), timeout=5)
    except Exception:  # offline, unknown, private: all mean that the weights cannot be had here
        return False
    return True


def _not_found(model: ModelConfig, why: str = "") -> BelleError:
    name, reason = model.checkpoint, f" ({why})" if why else ""
    if not is_hub_name(str(name)):
        return BelleError(
            f"model.checkpoint={name}: no such directory{reason}; say model.checkpoint=<directory of the weights>",
            f"model.checkpoint={name}：没有这个目录{reason}；请写 model.checkpoint=<权重所在目录>",
        )
    hub = "modelscope" if model.hub == "modelscope" else os.environ.get("HF_ENDPOINT", "huggingface.co")
    revision = (model.revision or "")[:12]
    english, chinese = (f" at {revision}", f"版本 {revision}") if revision else ("", "")
    return BelleError(
        f"model.checkpoint={name}: no such directory, not in the local hub cache, and {hub} does not hand it out{english}{reason}; "
        "say model.checkpoint=<directory of the weights>",
        f"model.checkpoint={name}：没有这个目录，本地 hub 缓存中也没有，{hub} 也无法提供{chinese}{reason}；"
        "请写 model.checkpoint=<权重所在目录>",
    )
