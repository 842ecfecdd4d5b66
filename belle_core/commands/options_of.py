"""The options of a stage or part, with the docstrings that its source has under the fields."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import MISSING, asdict, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

from omegaconf import MISSING as MANDATORY

from belle_core.stages import Part, Stage


def describe(item: Stage | Part) -> dict[str, Any]:
    """Name, summary, what it takes and makes, and every option, as plain values."""
    stage = item if isinstance(item, Stage) else None
    return {
        "kind": item.kind,
        "name": item.name,
        "summary": (inspect.getdoc(item.config) or "").split("\n")[0] if item.config else "",
        "consumes": [kind.__name__ for kind in (*stage.consumes, *stage.optional)] if stage else [],
        "starts_from": [kind.__name__ for kind in stage.starts_from] if stage else [],
        "produces": stage.produces.__name__ if stage else "",
        "extra": item.extra,
        "options": options_of(item.config) if item.config else [],
    }


def options_of(config: type) -> list[dict[str, Any]]:
    """``name``, ``type``, ``default``, ``help``, ``identity`` and ``file`` of every field of a config dataclass."""
    texts = docstrings(config)
    return [
        {
            "name": f.name,
            "type": _type_text(f.type),
            "default": _default(f),
            "help": texts.get(f.name, ""),
            "identity": bool(f.metadata.get("identity", True)),
            "file": bool(f.metadata.get("file", False)),
        }
        for f in fields(config)
    ]


@cache
def docstrings(config: type) -> dict[str, str]:
    """The string that follows each field in the source, of the class and of those it extends; one line each."""
    found: dict[str, str] = {}
    for owner in reversed(config.__mro__[:-1]):
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        except (OSError, TypeError, SyntaxError):
            continue  # a class without source, as from an interactive session
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for statement, after in zip(body, [*body[1:], None]):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                text = _string(after)
                if text or statement.target.id not in found:
                    found[statement.target.id] = text
    return found


def _string(statement: ast.stmt | None) -> str:
    """The text of a statement that is nothing but a string."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return " ".join(value.value.split()) if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def _type_text(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return text.replace("typing.", "")


def _default(field: Any) -> Any:
    """The default as a JSON value; ``???`` where a value must be given."""
    value = (
        field.default
        if field.default is not MISSING
        else field.default_factory()
        if field.default_factory is not MISSING
        else MANDATORY
    )
    if isinstance(value, Enum):
        return value.name
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
