"""Checks everything about an installed plugin that can be seen without running a stage."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from belle_core import hooks
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.names import unknown
from belle_core.plugins import load_catalog, load_plugins
from belle_core.testing.declaration import check_hooks, check_names, offers_of
from belle_core.testing.imports import check_imports
from belle_core.testing.light import brief, check_light
from belle_core.testing.options import check_options
from belle_core.testing.presets import check_presets
from belle_core.testing.targets import check_targets


def check_plugin(name: str) -> list[str]:
    """What is wrong with the installed plugin *name* (its entry point in the group ``belle``), a sentence each.

    An empty list means that it keeps the rules. Raises ``BelleError`` when no such plugin is installed.
    """
    found = {entry.name: entry for entry in entry_points(group=hooks.PROJECT)}
    if name not in found:
        raise unknown("plugin", name, found)
    try:
        module = import_module(found[name].module)
    except Exception as error:  # whatever a broken plugin raises is the finding
        return [f"{found[name].module}: {brief(error)}"]
    return list(_declared(module)) or list(_composed(found[name], module))


def _declared(module: ModuleType) -> Iterator[str]:
    """The plugin by itself."""
    yield from check_hooks(module)
    yield from check_imports(module)
    try:
        offers = list(offers_of(module))
    except Exception as error:  # the plugin's own code
        yield say(
            f"{module.__name__}: calling its hooks raises {brief(error)}",
            f"{module.__name__}：调用其钩子时抛出 {brief(error)}",
        )
        return
    yield from check_light(module.__name__, offers)
    yield from check_names(module, offers)
    for offer in offers:
        yield from check_options(offer)
        yield from check_targets(offer)


def _composed(entry: EntryPoint, module: ModuleType) -> Iterator[str]:
    """The plugin beside the others, once it is sound by itself."""
    try:
        load_catalog()
    except BelleError as error:
        yield str(error)
        return
    if load_plugins().get_plugin(entry.name) is not None:
        yield from check_presets(module)
