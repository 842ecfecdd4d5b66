"""What every installed plugin offers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from belle_core import hooks
from belle_core.plugins import load_catalog, load_commands, load_plugins
from belle_core.stages import Stage


@dataclass(frozen=True)
class Offer:
    """One plugin."""

    distribution: str
    version: str
    name: str
    module: str
    stages: list[str]
    parts: list[str]
    commands: list[str]
    hooks: list[str]
    presets: list[str]
    """YAML files in its ``conf/`` folder, as ``group=name``."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def text(self) -> str:
        """All that it offers in one line; ``belle_event`` only where it listens."""
        words = [*self.stages, *self.parts, *(f"belle {command}" for command in self.commands), *self.presets]
        return ", ".join(words + (["belle_event"] if "belle_event" in self.hooks else []))


def offers() -> list[Offer]:
    """Every plugin that is not disabled, by distribution and name; raises ``BelleError`` for a broken one."""
    manager, catalog = load_plugins(), load_catalog()
    owners = {entry.name: entry.dist for entry in entry_points(group=hooks.PROJECT)}
    found = []
    for name, module in manager.list_name_plugin():
        distribution = owners.get(name)
        items = [item for item in catalog if catalog.providers[item.kind, item.name] == name]
        found.append(
            Offer(
                distribution=distribution.name if distribution else "",
                version=distribution.version if distribution else "",
                name=name,
                module=getattr(module, "__name__", str(module)),
                stages=[item.title for item in items if isinstance(item, Stage)],
                parts=[f"{item.kind}={item.name}" for item in items if not isinstance(item, Stage)],
                commands=_commands(module),
                hooks=sorted(caller.name for caller in manager.get_hookcallers(module) or ()),
                presets=_presets(module),
            )
        )
    return sorted(found, key=lambda offer: (offer.distribution != "belle", offer.distribution, offer.name))


def _commands(module: Any) -> list[str]:
    names = {command.name for command in module.belle_commands()} if hasattr(module, "belle_commands") else set()
    return sorted(names & load_commands().keys())


def _presets(module: Any) -> list[str]:
    folder = Path(module.__file__ or "").parent / "conf"
    return [f"{path.parent.relative_to(folder).as_posix()}={path.stem}" for path in sorted(folder.rglob("*.yaml"))]
