"""What may come next in the options of a run: groups, options and values. Nothing is run, no torch is imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from click.shell_completion import CompletionItem
from omegaconf import DictConfig, OmegaConf

from belle_core.commands.options_of import docstrings
from belle_core.compose import compose_tree, options_of
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog
from belle_core.stages import KINDS, PART_GROUPS

SIGNS = "+~"


def complete_overrides(incomplete: str, words: Sequence[str] = ()) -> list[CompletionItem]:
    """Completions of one option of a run after *words*; empty where nothing is known."""
    name = incomplete.lstrip(SIGNS)
    sign = incomplete[: len(incomplete) - len(name)]
    if incomplete.startswith("-"):
        return []
    try:
        tree = _tree([word for word in words if "=" in word or word.startswith("~")], name)
        found = list(_values(sign, name, tree) if "=" in name else _keys(sign, name, tree))
    except BelleError:
        return []
    return [item for item in found if item.type != "plain" or item.value.startswith(incomplete)]


def _tree(words: list[str], name: str) -> DictConfig:
    """The run as far as it is typed; options that do not compose are left out, and what comes in by itself is added."""
    tree, taken = compose_tree([]), list[str]()
    for chosen in (words, [word for word in words if word.startswith("+")]):
        try:
            tree, taken = compose_tree(chosen), chosen
            break
        except Exception:  # half-typed or wrong, for which Hydra raises ValueError and more: belle itself will say so
            continue
    kind = name.split(".")[0]
    if "." in name and kind in tree.implicit and tree.get(kind) is None:
        tree = compose_tree([f"+{kind}={tree.model.implicit.get(kind) or tree.implicit[kind]}", *taken])
    return tree


def _keys(sign: str, name: str, tree: DictConfig) -> Iterator[CompletionItem]:
    """Groups, and options one level at a time."""
    if "@" in name:
        if sign:
            yield CompletionItem(f"{sign}{name.split('@')[0]}@steps.")
        return
    if sign != "~":
        for group, new in _groups(name, tree):
            if new == (sign == "+") or not sign:
                yield CompletionItem(f"{'+' if new else ''}{group}=")
    if sign != "+":
        yield from _options(sign, name.rpartition(".")[0], tree)


def _groups(name: str, tree: DictConfig) -> Iterator[tuple[str, bool]]:
    """(config group, whether it is chosen with ``+``)."""
    for group in _listed(""):
        if group == "hydra":
            if name.startswith("hydra"):
                yield from ((f"hydra/{inner}", False) for inner in ("launcher", "sweeper"))
            continue
        chosen = tree.get(group) is not None
        yield group, not chosen
        if chosen:
            yield from ((f"{group}/{inner}", False) for inner in _listed(group))


def _listed(group: str) -> list[str]:
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from belle_core.compose import config_directory

    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        return list(GlobalHydra.instance().config_loader().list_groups(group))


def _options(sign: str, parent: str, tree: DictConfig) -> Iterator[CompletionItem]:
    """The options below *parent*: ``train.rank=``, or ``train.objective.`` for a section."""
    node = OmegaConf.select(tree, parent) if parent else tree
    if not isinstance(node, DictConfig):
        return
    kind = OmegaConf.get_type(node)
    texts = docstrings(kind) if is_dataclass(kind) else {}
    for key in map(str, node):
        child = None if OmegaConf.is_missing(node, key) else node._get_node(key)
        path = f"{parent}.{key}" if parent else key
        if isinstance(child, DictConfig) and not child._is_none():
            if len(child):
                yield CompletionItem(f"{sign}{path}.")
        elif parent or not _is_section(key):
            yield CompletionItem(f"{sign}{path}" if sign == "~" else f"{path}=", help=texts.get(key) or None)


def _is_section(key: str) -> bool:
    """Whether a key at the top is chosen as a group, so that it has no value of its own."""
    return key in KINDS or bool(options_of(key))


def _values(sign: str, name: str, tree: DictConfig) -> Iterator[CompletionItem]:
    """What may stand after ``=``; after a comma another choice of a sweep."""
    key, _, value = name.partition("=")
    choices = options_of(key.split("@")[0]) or _of_option(key, tree)
    if choices is None:
        yield CompletionItem(value, type="file")
        return
    before = value.rpartition(",")[0]
    for choice in choices:
        yield CompletionItem(f"{sign}{key}={before + ',' if before else ''}{choice}")


def _of_option(key: str, tree: DictConfig) -> list[str] | None:
    """The values of a switch, a named choice or a part; ``None`` for a path."""
    parent, _, last = key.rpartition(".")
    node = OmegaConf.select(tree, parent) if parent else tree
    kind = OmegaConf.get_type(node) if isinstance(node, DictConfig) else None
    field: Any = next((f for f in fields(kind) if f.name == last), None) if is_dataclass(kind) else None
    if field is None:
        return []
    if field.metadata.get("file"):
        return None
    if last in PART_GROUPS:
        return load_catalog().names(last)
    present = None if OmegaConf.is_missing(node, last) else node[last]
    if isinstance(present, Enum):
        return [one.name for one in type(present)]
    return ["true", "false"] if isinstance(present, bool) else []
