"""What can be chosen in each config group, found without Hydra: from plugins, ``conf/`` and the plugins' ``conf/``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType

from belle_core.errors import BelleError
from belle_core.plugins import load_catalog, load_plugins
from belle_core.stages import PART_GROUPS, Stage


def config_directory() -> Path:
    """``conf/`` lies inside the package in a wheel and beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


@cache
def plugin_folders() -> dict[str, tuple[str, Path]]:
    """``conf/`` folders of plugins: by plugin name, the package and the folder."""
    found = {}
    for name, module in load_plugins().list_name_plugin():
        if (
            isinstance(module, ModuleType)
            and module.__file__
            and (folder := Path(module.__file__).parent / "conf").is_dir()
        ):
            found[name] = (module.__name__, folder)
    return found


def check_config_dir(folder: str | None) -> None:
    """Raise ``BelleError`` when ``--config-dir`` names no directory."""
    if folder and not Path(folder).is_dir():
        raise BelleError(f"--config-dir {folder}: there is no such directory", f"--config-dir {folder}：没有这个目录")


def options_of(group: str, config_dir: str | None = None) -> list[str]:
    """Names that can be chosen in a config group; empty when there is no such group."""
    names = {"trainer": {"auto"}, "tracker": {"none"}}.get(group, set())
    for item in load_catalog():
        if item.config is not None and group == (item.kind if isinstance(item, Stage) else PART_GROUPS[item.kind]):
            names = names | {item.name}
    folders = [config_directory(), *(folder for _, folder in plugin_folders().values())]
    for folder in [*folders, *([Path(config_dir)] if config_dir else [])]:
        names = names | {path.stem for path in (folder / group).glob("*.yaml")}
    return sorted(names)


def all_groups() -> list[str]:
    """Every config group, sorted."""
    groups = {
        item.kind if isinstance(item, Stage) else PART_GROUPS[item.kind] for item in load_catalog() if item.config
    }
    for folder in [config_directory(), *(folder for _, folder in plugin_folders().values())]:
        groups |= {path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}
    return sorted(group for group in {*groups, "trainer", "tracker"} if group and group != ".")
