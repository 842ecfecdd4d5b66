"""Where Hydra finds the options of everything that plugins offer: made from the dataclasses, when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf, open_dict

from belle_core.choices import plugin_folders
from belle_core.config import ModelConfig, NoTracker, RunConfig, TrainerConfig
from belle_core.plugins import load_catalog
from belle_core.stages import PART_GROUPS, Part, Stage


class PluginSearchPath(SearchPathPlugin):
    """Adds :class:`Published` and the ``conf/`` folder of every plugin to Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append(provider="belle_core", path="belle://")  # first: no preset hides an option
        for name, (_, folder) in plugin_folders().items():
            search_path.append(provider=name, path=f"file://{folder}")


class Published(ConfigSource):
    """``<kind>/<name>`` for every stage and part with options, and the schemas of the core's own groups.

    Hydra's ConfigStore would do the same, but wants them all made at start-up, whatever is chosen.
    """

    @staticmethod
    def scheme() -> str:
        return "belle"

    def load_config(self, config_path: str) -> ConfigResult:
        """The schema with its defaults; raises ``KeyError`` when there is none of that name."""
        make = _table()[config_path.removesuffix(".yaml")]
        return ConfigResult(provider=self.provider, path="belle://", config=make(), header={"package": None})

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return any(name.startswith(f"{config_path.rstrip('/')}/") for name in _table())

    def is_config(self, config_path: str) -> bool:
        return config_path.removesuffix(".yaml") in _table()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Names right below *config_path*: those of configs, of groups, or both."""
        base = config_path.strip("/")
        below = [name.removeprefix(f"{base}/") for name in _table() if not base or name.startswith(f"{base}/")]
        configs = [name for name in below if "/" not in name]
        groups = [name.partition("/")[0] for name in below if "/" in name]
        chosen = {ObjectType.CONFIG: configs, ObjectType.GROUP: groups}
        return sorted(set(configs + groups if results_filter is None else chosen[results_filter]))


@cache
def publish() -> None:
    """Make Hydra look for options here, once in a process."""
    Plugins.instance().register(Published)
    Plugins.instance().register(PluginSearchPath)


@cache
def _table() -> dict[str, Callable[[], Any]]:
    """By path, what makes the options."""
    own = {
        "run_schema": RunConfig,
        "model/model_schema": ModelConfig,
        "trainer/auto": TrainerConfig,
        "tracker/none": NoTracker,
    }
    table: dict[str, Callable[[], Any]] = {path: partial(OmegaConf.structured, kind) for path, kind in own.items()}
    for item in load_catalog():
        group = item.kind if isinstance(item, Stage) else PART_GROUPS[item.kind]
        if item.config is not None and group is not None:
            table[f"{group}/{item.name}"] = partial(_node, item)
    return table


def _node(item: Stage | Part) -> Any:
    """The schema of a stage or part; sub-groups are chosen after the schema, or it would overwrite the choice."""
    assert item.config is not None
    node = OmegaConf.structured(item.config)
    if isinstance(item, Stage) and item.subgroups:
        with open_dict(node):
            node["defaults"] = ["_self_", *({group: choice} for group, choice in item.subgroups.items())]
    return node
