"""Reads small JSON files that other programs wrote: an object, no such file, or one line that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from belle_core.digest import readable
from belle_core.errors import BelleError


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
