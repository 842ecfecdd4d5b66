"""A training step as a file of plain JSON, so that several processes can carry it out together."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from belle_core.stages import Stage, StageContext

TYPE, PATH = "__type__", "__path__"


@dataclass(frozen=True)
class Job:
    """What a worker is told."""

    kind: str
    name: str
    section: Any
    directory: Path
    shared: dict[str, Any]
    inputs: list[Any]
    limit: int | None

    @classmethod
    def of(cls, stage: Stage, section: Any, context: StageContext) -> Job:
        """The work that ``stage.load()(section, context)`` would do."""
        inputs = list(context.inputs.values())
        return cls(stage.kind, stage.name, section, context.directory, context.shared, inputs, context.limit)

    def context(self, rank: int, **ways_out: Any) -> StageContext:
        """What the stage gets in the process of that *rank*."""
        inputs = {type(artifact): artifact for artifact in self.inputs}
        return StageContext(self.directory, self.shared, inputs, self.limit, rank=rank, **ways_out)

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(plain(self), indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Job:
        """The inverse of :meth:`write`."""
        job = restored(json.loads(path.read_text(encoding="utf-8")))
        assert isinstance(job, cls)
        return job


def plain(value: Any) -> Any:
    """*value* as JSON values; dataclasses, enums and paths keep their type."""
    if is_dataclass(value) and not isinstance(value, type):
        return {TYPE: _name(value), **{f.name: plain(getattr(value, f.name)) for f in fields(value) if f.init}}
    if isinstance(value, Enum):
        return {TYPE: _name(value), "name": value.name}
    if isinstance(value, Path):
        return {PATH: str(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def restored(value: Any) -> Any:
    """The inverse of :func:`plain`, but that tuples come back as lists."""
    if isinstance(value, list):
        return [restored(item) for item in value]
    if not isinstance(value, dict):
        return value
    if PATH in value:
        return Path(value[PATH])
    items = {key: restored(item) for key, item in value.items() if key != TYPE}
    if TYPE not in value:
        return items
    kind = resolve_name(value[TYPE])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind[items["name"]]
    if not is_dataclass(kind):
        raise TypeError(f"{value[TYPE]} is no dataclass")
    made: Any = kind
    return made(**items)


def _name(value: Any) -> str:
    return f"{type(value).__module__}:{type(value).__qualname__}"
