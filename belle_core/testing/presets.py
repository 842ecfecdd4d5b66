"""Rules for the files in a plugin's ``conf/``: each composes, and extends an option that exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from omegaconf import DictConfig, OmegaConf

from belle_core.compose import compose_run, compose_tree
from belle_core.language import say
from belle_core.mistakes import to_objects
from belle_core.plugins import load_catalog
from belle_core.stages import PART_GROUPS, Stage
from belle_core.testing.light import brief

ALWAYS = ("model", "trainer", "tracker")
"""Groups that every run has; their files are chosen without a plus."""
RECIPE = "recipe"


def preset_files(module: ModuleType) -> list[Path]:
    """The YAML files of the plugin's ``conf/``, relative to it."""
    folder = Path(module.__file__ or "").parent / "conf"
    return sorted(path.relative_to(folder) for path in folder.rglob("*.yaml"))


def check_presets(module: ModuleType) -> Iterator[str]:
    """What is wrong with the plugin's presets."""
    for path in preset_files(module):
        group, name = path.parent.as_posix(), path.stem
        if name in _options(group):
            yield say(
                f"conf/{path} has the name of an option; give the preset another name",
                f"conf/{path} 与已有选项同名；请给预设换一个名称",
            )
            continue
        try:
            node = compose_preset(group, name)
        except Exception as error:  # Hydra, OmegaConf and the plugin's own checks raise many types
            yield say(
                f"conf/{path} does not compose: {brief(error)}",
                f"conf/{path} 无法组合：{brief(error)}",
            )
            continue
        if node is not None and not _extends(node):
            yield say(
                f"conf/{path} extends no option; begin it with `defaults: [<option>, _self_]`",
                f"conf/{path} 没有扩展任何选项；请以 `defaults: [<选项>, _self_]` 开头",
            )


def compose_preset(group: str, name: str) -> DictConfig | None:
    """Compose a run with the preset; returns its section, or ``None`` where the run's own schema holds it."""
    whole = group in (*ALWAYS, RECIPE)
    choice = f"{group}={name}" if group in ALWAYS else f"+{group}={name}" if whole else f"+{group}@steps.preset={name}"
    tree = compose_tree([choice])
    node: DictConfig = tree if whole else tree.steps.preset
    if not OmegaConf.missing_keys(node):  # what the user must give cannot be judged yet
        compose_run([choice]) if whole else to_objects(node)
    return None if whole else node


def _extends(node: DictConfig) -> bool:
    """Whether the preset has the type of an option, or is a mapping of such, as a cleaning is."""
    if OmegaConf.get_type(node) not in (dict, None):
        return True
    return bool(node) and all(isinstance(child, DictConfig) and _extends(child) for child in node.values())


def _options(group: str) -> set[str]:
    """Names that plugins offer in a config group."""
    return {
        offer.name
        for offer in load_catalog()
        if offer.config is not None and group == (offer.kind if isinstance(offer, Stage) else PART_GROUPS[offer.kind])
    }
