"""The import rule: a plugin imports the core and itself, never another plugin."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from belle_core import hooks
from belle_core.language import say


def imported_modules(source: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every absolute import anywhere in *source*."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


def source_files(module: ModuleType) -> list[Path]:
    """The Python files of a package, or the one file of a module."""
    path = Path(module.__file__ or "")
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]


def check_imports(module: ModuleType) -> Iterator[str]:
    """Imports of other plugins, by file and line."""
    own = module.__name__.split(".")[0]
    others = {entry.module.split(".")[0]: entry.name for entry in entry_points(group=hooks.PROJECT)}
    for path in source_files(module):
        for line, name in imported_modules(path.read_text(encoding="utf-8")):
            package = name.split(".")[0]
            if package != own and package in others:
                yield say(
                    f"{path.name}:{line} imports {package}, which is plugin {others[package]}; a plugin imports belle_core and itself only",
                    f"{path.name}:{line} 导入了 {package}（插件 {others[package]}）；插件只能导入 belle_core 和自身",
                )
