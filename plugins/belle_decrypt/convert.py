"""Decrypts a directory and turns its weights into safetensors; the directory appears in full or not at all."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import save_file

from belle_core.errors import BelleError, in_one_line
from belle_decrypt.cipher import SUFFIX, decrypt, plain_name

WEIGHTS = "pytorch_model"


def decrypt_directory(encrypted: Path, original: Path, target: Path) -> list[str]:
    """Names of the files in *target*; raises ``BelleError`` for what cannot be decrypted."""
    sources = sorted(encrypted.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_size)  # a wrong key shows at once
    if not sources:
        raise BelleError(f"{encrypted}: there are no *{SUFFIX} files", f"{encrypted}：没有 *{SUFFIX} 文件")
    if not original.is_file() or not original.stat().st_size:
        raise BelleError(
            f"{original}: there is no such file with the original weights", f"{original}：没有这个原始权重文件"
        )
    if target.exists():
        raise BelleError(f"{target} exists already; name a new directory", f"{target} 已存在；请指定一个新目录")
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for source in sources:
            decrypt(source, original, partial / plain_name(source))
        to_safetensors(partial)
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return sorted(path.name for path in target.iterdir())


def to_safetensors(directory: Path) -> None:
    """Every ``pytorch_model*.bin`` becomes ``model*.safetensors``, one at a time; other pickles are removed."""
    for path in sorted(directory.glob("*.bin")):
        if path.name.startswith(WEIGHTS):
            save_file(_tensors(path), directory / _renamed(path.name), metadata={"format": "pt"})
        path.unlink()
    index = directory / f"{WEIGHTS}.bin.index.json"
    if index.is_file():
        about = json.loads(index.read_text(encoding="utf-8"))
        about["weight_map"] = {name: _renamed(file) for name, file in about["weight_map"].items()}
        (directory / "model.safetensors.index.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        index.unlink()


def _renamed(name: str) -> str:
    return name.replace(WEIGHTS, "model", 1).removesuffix(".bin") + ".safetensors"


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a legacy checkpoint; nothing but tensors is unpickled."""
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        why = in_one_line(error, 200)
        raise BelleError(f"{path.name} holds no plain tensors: {why}", f"{path.name} 中不是纯张量：{why}") from error
    seen: set[int] = set()
    for name, tensor in tensors.items():  # safetensors stores no tensor under two names
        tensors[name] = tensor.clone() if tensor.data_ptr() in seen else tensor.contiguous()
        seen.add(tensor.data_ptr())
    return tensors  # type: ignore[no-any-return]
