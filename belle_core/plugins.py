"""Finds plugins and lists what they offer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Any

import pluggy

from belle_core import hooks
from belle_core.errors import BelleError, in_one_line
from belle_core.names import unknown
from belle_core.stages import KINDS, PART_GROUPS, Command, Part, Stage

DISABLE = "BELLE_DISABLE_PLUGINS"


@cache
def load_plugins() -> pluggy.PluginManager:
    """Every installed plugin but the disabled ones; raises ``BelleError`` naming the one that is broken."""
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    # first-party plugins first, so that of two with one name the other distribution's is the one that is refused
    found = sorted(entry_points(group=hooks.PROJECT), key=lambda e: (not _first_party(e), e.name))
    if not found:
        raise BelleError(
            "no plugin is installed; in a checkout run `pip install -e .` first",
            "没有安装任何插件；如果在源码目录中，请先执行 `pip install -e .`",
        )
    disabled = {name.strip() for name in os.environ.get(DISABLE, "").split(",")}
    for entry in found:
        if entry.name not in disabled:
            _register(manager, entry)
    try:
        manager.check_pending()  # a misspelt hook is an error, not silence
    except pluggy.PluginValidationError as error:
        raise _broken(_entry_of(manager, error.plugin, found), in_one_line(error)) from error
    return manager


@cache
def _name_of(distribution: Distribution) -> str:
    """Its name; remembered, since asking parses the whole metadata each time."""
    return distribution.name


def _first_party(entry: EntryPoint) -> bool:
    return entry.dist is not None and _name_of(entry.dist) == "belle"


def _register(manager: pluggy.PluginManager, entry: EntryPoint) -> None:
    if (first := manager.get_plugin(entry.name)) is not None:
        where = getattr(first, "__name__", str(first))
        raise _broken(entry, f"two plugins are called {entry.name!r} ({where} and {entry.value})")
    try:
        manager.register(entry.load(), name=entry.name)
    except Exception as error:
        raise _broken(entry, in_one_line(error)) from error


def _broken(entry: EntryPoint, why: str) -> BelleError:
    distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    disable = f"{DISABLE}={entry.name}"
    return BelleError(
        f"plugin {entry.name} of {distribution} is broken: {why}. To go on without it set {disable}",
        f"插件 {entry.name}（来自 {distribution}）已损坏：{why}。如需跳过它，请设置 {disable}",
    )


def _entry_of(manager: pluggy.PluginManager, plugin: Any, found: list[EntryPoint]) -> EntryPoint:
    name = manager.get_name(plugin)
    return next((entry for entry in found if entry.name == name), found[0])


class Catalog:
    """Everything that plugins offer: stages and parts by config type and by name."""

    def __init__(self, manager: pluggy.PluginManager) -> None:
        self.stages: dict[tuple[str, str], Stage] = {}
        self.parts: dict[tuple[str, str], Part] = {}
        self._by_config: dict[type, Stage | Part] = {}
        self.providers: dict[tuple[str, str], str] = {}
        for plugin_name, plugin in manager.list_name_plugin():
            for item in _offers(plugin):
                self._add(item, plugin_name)

    def _add(self, item: Stage | Part, plugin: str) -> None:
        table: dict[tuple[str, str], Any] = self.stages if isinstance(item, Stage) else self.parts
        key = (item.kind, item.name)
        kinds = KINDS if isinstance(item, Stage) else tuple(PART_GROUPS)
        if item.kind not in kinds:
            raise _clash(plugin, f"{item.name!r} has the kind {item.kind!r}; known kinds: {', '.join(kinds)}")
        if key in table:
            raise _clash(plugin, f"{item.kind}={item.name} is already offered by plugin {self.providers[key]}")
        if item.config is not None:
            if item.config in self._by_config:
                raise _clash(plugin, f"{item.config.__name__} configures two things; give each its own config class")
            self._by_config[item.config] = item
        table[key] = item
        self.providers[key] = plugin

    def __iter__(self) -> Iterator[Stage | Part]:
        yield from self.stages.values()
        yield from self.parts.values()

    def stage_for(self, config: Any) -> Stage | None:
        """The stage whose options *config* holds."""
        found = self._by_config.get(type(config))
        return found if isinstance(found, Stage) else None

    def part_for(self, config: Any) -> Part | None:
        """The part whose options *config* holds."""
        found = self._by_config.get(type(config))
        return found if isinstance(found, Part) else None

    def part(self, kind: str, name: str, *, typed: str = "") -> Part:
        """The part of that name, which was *typed* that way; raises ``BelleError`` with the nearest right name."""
        if (found := self.parts.get((kind, name))) is None:
            raise unknown(kind, name, self.names(kind), typed=typed)
        return found

    def names(self, kind: str) -> list[str]:
        """Names of all stages or parts of a kind."""
        return sorted(name for k, name in (*self.stages, *self.parts) if k == kind)


def _offers(plugin: Any) -> Iterator[Stage | Part]:
    for hook in ("belle_stages", "belle_parts"):
        if (offer := getattr(plugin, hook, None)) is not None:
            yield from offer()


def _clash(plugin: str, why: str) -> BelleError:
    return BelleError(
        f"plugin {plugin}: {why}. To go on without it set {DISABLE}={plugin}",
        f"插件 {plugin}：{why}。如需跳过它，请设置 {DISABLE}={plugin}",
    )


@cache
def load_catalog() -> Catalog:
    """What the installed plugins offer."""
    return Catalog(load_plugins())


def load_commands() -> dict[str, Command]:
    """Subcommands of ``belle`` that plugins offer, by name."""
    offered = [command for commands in load_plugins().hook.belle_commands() for command in commands]
    return {command.name: command for command in offered}
