"""What can be known before anything is read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from belle_core.data.formats import known_format
from belle_core.data.splits import held_out
from belle_core.digest import files_in
from belle_core.errors import BelleError, Several
from belle_core.plugins import load_catalog
from belle_core.smallfiles import readable
from belle_files.config import FilesConfig
from belle_files.inputs import inputs_of


def check(config: FilesConfig, shared: dict[str, Any]) -> None:
    """Raise ``BelleError`` for files that are not there or empty, and for an unknown format; all of them at once."""
    errors: list[BelleError] = []
    for name in ("path", "dev", "test"):
        if name != "path" and held_out(name, getattr(config, name)).path is None:
            continue
        try:
            _check_files(config, name)
        except BelleError as error:
            errors.append(error)
    try:
        if config.format != "auto":
            known_format(load_catalog(), config.format)
    except BelleError as error:
        errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else Several(errors)


def _check_files(config: FilesConfig, name: str) -> None:
    value = getattr(config, name)
    for item in value if isinstance(value, list) else [value]:
        folder = Path(str(item)).expanduser()
        if item is not None and os.path.isdir(folder) and not files_in(folder):
            option = f"data.{name}={item}"
            raise BelleError(f"{option}: there is no file in this directory", f"{option}：目录中没有文件")
    for one in inputs_of(config, name):
        with readable(one.source.path):
            size = one.source.path.stat().st_size
        if size == 0:
            raise BelleError(f"{one.source.path}: the file is empty", f"{one.source.path}：文件是空的")
