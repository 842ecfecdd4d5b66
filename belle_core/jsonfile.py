"""Reads small files of text and JSON that people and other programs wrote; one line says what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from belle_core.digest import readable
from belle_core.errors import BelleError


def read_text(path: Path) -> str:
    """The text in *path*, without a byte order mark; raises ``BelleError`` when it cannot be read or is no UTF-8."""
    with readable(path):
        try:
            return path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise BelleError(
                f"{path}: is not UTF-8 (byte offset {error.start}); convert it first",
                f"{path}：不是 UTF-8（字节偏移 {error.start}）；请先转换编码",
            ) from error


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in *path*, ``None`` where there is no such file; raises ``BelleError`` for any other content."""
    with readable(path):
        try:
            value = json.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError) as error:  # cut off, no UTF-8, or brackets without end
            raise broken(path, f"is not JSON ({error})", f"不是 JSON（{error}）") from error
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise broken(path, f"holds a {kind} instead of a JSON object", f"内容的类型是 {kind}，应为 JSON 对象")
    return value


def broken(path: Path, english: str, chinese: str) -> BelleError:
    """What to say of a file that is not what it should be."""
    return BelleError(f"{path}: {english}; fetch or write the file again", f"{path}：{chinese}；请重新下载或生成该文件")
