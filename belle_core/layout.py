"""Looks at the files of a Hugging Face model or a peft adapter before anything is loaded: no torch, no weights are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from belle_core.errors import BelleError
from belle_core.smallfiles import broken, read_object

ADAPTER = "adapter_config.json"
"""What peft writes beside an adapter."""
ADAPTER_WEIGHTS = "adapter_model.safetensors"
INDEX = "model.safetensors.index.json"
OBJECTS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


def check_model(directory: Path, *, weights: bool) -> None:
    """Raise ``BelleError`` for a file that is cut off or is not what its name says, and for a shard that is missing.

    ``weights=False``: a directory without any will do.
    """
    config = read_object(directory / "config.json") or {}
    if not isinstance(config.get("model_type"), str) and "auto_map" not in config:
        raise _value(directory / "config.json", config, "model_type", "the name of an architecture", "模型结构名")
    for name in OBJECTS:
        read_object(directory / name)
    _check_end_ids(directory / "generation_config.json")
    files = weight_files(directory)
    if weights and not files:
        raise BelleError(
            f"{directory}: there are no weights in it, neither model.safetensors nor {INDEX} (pickled ones are not read)",
            f"{directory}：其中没有权重，既没有 model.safetensors 也没有 {INDEX}（不读取 pickle 权重）",
        )
    for path in files:
        check_weights(path)


def check_adapter(directory: Path) -> str:
    """The same for an adapter, of which both files must be there; its kind."""
    config = read_object(directory / ADAPTER) or {}
    if not isinstance(config.get("peft_type"), str):
        raise _value(directory / ADAPTER, config, "peft_type", "a kind such as LORA", "类型名，例如 LORA")
    check_weights(directory / ADAPTER_WEIGHTS)
    return str(config["peft_type"])


def weight_files(directory: Path) -> list[Path]:
    """The safetensors files of a model, by its index where it has one; none may be missing.

    Empty for a directory without weights. Raises ``BelleError``.
    """
    index = read_object(directory / INDEX)
    if index is None or (directory / "model.safetensors").is_file():
        return [path for path in [directory / "model.safetensors"] if path.is_file()]
    shards = index.get("weight_map")
    if not isinstance(shards, dict) or not shards or not all(isinstance(name, str) for name in shards.values()):
        raise _value(directory / INDEX, index, "weight_map", "a mapping of tensors to files", "从张量到文件的映射")
    files = [directory / name for name in sorted(set(shards.values()))]
    if missing := [path.name for path in files if not path.is_file()]:
        more = f" (+{len(missing) - 1})" if len(missing) > 1 else ""
        raise BelleError(
            f"{directory}: {missing[0]}{more} of {INDEX} is missing; fetch the rest of the weights",
            f"{directory}：缺少 {INDEX} 中列出的 {missing[0]}{more}；请下载其余权重",
        )
    return files


def check_weights(path: Path) -> None:
    """Raise ``BelleError`` when a safetensors file is cut off or something else; only its header is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise BelleError(
            f"{path}: is damaged, cut off or no safetensors file ({error}); fetch or write it again",
            f"{path}：已损坏、不完整或不是 safetensors 文件（{error}）；请重新下载或生成",
        ) from error


def _check_end_ids(path: Path) -> None:
    content = read_object(path) or {}
    stated = content.get("eos_token_id")
    ids = stated if isinstance(stated, list) else [stated]
    if stated is not None and not all(type(one) is int and one >= 0 for one in ids):
        raise _value(path, content, "eos_token_id", "an id or a list of ids", "一个或一组编号")


def _value(path: Path, content: dict[str, Any], key: str, english: str, chinese: str) -> BelleError:
    """What to say of a value that is missing or is not what *english* and *chinese* call it."""
    if key not in content:
        return broken(path, f"{key} is missing; it should be {english}", f"缺少 {key}，应为{chinese}")
    shown = f"{content[key]!r}"[:60]
    return broken(path, f"{key} is {shown} and not {english}", f"{key} 是 {shown}，而不是{chinese}")
