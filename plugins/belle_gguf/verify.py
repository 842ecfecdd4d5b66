"""Reads a GGUF file back and compares it with what was to be written."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from belle_core.errors import BelleError
from belle_gguf.tensors import Plan


def verify(path: Path, plans: Sequence[Plan], checksums: Mapping[str, int]) -> None:
    """Names, order, types, shapes and the bytes of every tensor.

    Raises:
        BelleError: the file on disk differs; the disk or the memory is at fault.
    """
    from gguf import GGUFReader

    tensors = GGUFReader(path).tensors
    wanted = [(plan.name, plan.type, plan.shape) for plan in plans]
    found = [(tensor.name, tensor.tensor_type, tuple(tensor.shape.tolist()[::-1])) for tensor in tensors]
    wrong = [plan[0] for plan, there in zip(wanted, found, strict=False) if plan != there]
    wrong += [tensor.name for tensor in tensors if zlib.crc32(tensor.data) != checksums.get(tensor.name)]
    if wrong or len(wanted) != len(found):
        raise BelleError(
            f"{path} was not written well: {len(found)} of {len(wanted)} tensors, wrong {wrong[:3]}; check the disk",
            f"{path} 写入有误：{len(wanted)} 个张量中有 {len(found)} 个，出错的有 {wrong[:3]}；请检查磁盘",
        )
