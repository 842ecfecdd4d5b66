"""What can be known before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from belle_core.data.formats import known_format
from belle_core.data.splits import held_out
from belle_core.digest import expand
from belle_core.errors import BelleError, Several
from belle_core.plugins import load_catalog
from belle_files.config import FilesConfig


def check(config: FilesConfig, shared: dict[str, Any]) -> None:
    """Raise ``BelleError`` for files that are not there or empty, and for an unknown format; all of them at once."""
    errors: list[BelleError] = []
    for name in ("path", "dev", "test"):
        value = config.path if name == "path" else held_out(name, getattr(config, name)).path
        try:
            _check_files(value, f"data.{name}")
        except BelleError as error:
            errors.append(error)
    try:
        if config.format != "auto":
            known_format(load_catalog(), config.format)
    except BelleError as error:
        errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else Several(errors)


def _check_files(value: Any, option: str) -> None:
    for item in value if isinstance(value, list) else [value]:
        if item is not None and _is_empty_directory(Path(str(item)).expanduser()):
            raise BelleError(f"{option}={item}: there is no file in this directory", f"{option}={item}：目录中没有文件")
    for path in expand(value, option=option):
        if path.stat().st_size == 0:
            raise BelleError(f"{path}: the file is empty", f"{path}：文件是空的")


def _is_empty_directory(path: Path) -> bool:
    return path.is_dir() and not any(p.is_file() and not p.name.startswith(".") for p in path.rglob("*"))
