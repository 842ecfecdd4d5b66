"""Small files of text and JSON: one line says what is wrong with one that is read, and one that is written is there in full or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from belle_core.errors import BelleError, why_refused


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """A file or directory that may not be read, or is gone, becomes one line that names it."""
    try:
        yield
    except OSError as error:
        why, why_zh = why_refused(error)
        raise BelleError(f"{path}: cannot be read ({why})", f"{path}：无法读取（{why_zh}）") from error


def read_text(path: Path) -> str:
    """The text in *path*, without a byte order mark; raises ``BelleError`` when it cannot be read or is no UTF-8."""
    with readable(path):
        try:
            return path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise no_utf8(path, error.start) from error


def no_utf8(path: Path, offset: int) -> BelleError:
    """What to say of a text in another encoding, from its first byte that is not UTF-8."""
    return BelleError(
        f"{path}: is not UTF-8 (byte offset {offset}); convert it first",
        f"{path}：不是 UTF-8（字节偏移 {offset}）；请先转换编码",
    )


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


def write_text(path: Path, text: str) -> None:
    """Put *text* in place in full or not at all; raises ``OSError``."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
