"""Hydra: composes a command line into a typed configuration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from belle_core.artifacts import Tokenizer
from belle_core.choices import check_config_dir, config_directory, options_of
from belle_core.config import RunConfig
from belle_core.mistakes import find_mistakes, to_objects
from belle_core.overrides import choice_as_value, key_of, quoted, section_of, wrong_key, wrong_option
from belle_core.plugins import load_catalog
from belle_core.published import publish
from belle_core.stages import KINDS, Stage

IMPLICIT = ("data", "tokenizer")


@dataclass(frozen=True)
class Composed:
    """A command line made whole."""

    config: RunConfig
    overrides: list[str]
    """What was typed plus the implicit steps."""
    resolved: dict[str, Any]
    """The same as plain values, for records."""


def compose_tree(overrides: list[str], config_dir: str | None = None) -> DictConfig:
    """Hydra's composition of *overrides*, without its own section."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    publish()
    if GlobalHydra.instance().is_initialized():  # inside a sweep
        return compose("config", overrides)
    extra = [f"hydra.searchpath=[file://{Path(config_dir).resolve()}]"] if config_dir else []
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        return compose("config", [*overrides, *extra])


def compose_run(overrides: list[str], config_dir: str | None = None) -> Composed:
    """Compose, add the implicit steps, check every value.

    Raises ``BelleError`` that tells all mistakes that can be found at once.
    """
    check_config_dir(config_dir)
    overrides = list(map(quoted, overrides))

    def options(group: str) -> list[str]:
        return options_of(group, config_dir)

    try:
        if any(choice_as_value(o, options) or wrong_option(o, options) or wrong_key(o, overrides) for o in overrides):
            raise LookupError  # known without composing
        tree, whole = compose_whole(overrides, config_dir)
        config = to_objects(tree)
    except Exception as error:
        implicit = any(_touches(o, section) for o in overrides for section in (*IMPLICIT, "inputs"))
        composed = partial(compose_whole if implicit else _compose_plain, config_dir=config_dir)
        raise find_mistakes(overrides, lambda some: composed(some)[0], options, config_dir) from error
    return Composed(config, whole, plain(tree))


def plain(tree: DictConfig) -> dict[str, Any]:
    """The configuration as plain values."""
    return OmegaConf.to_container(tree, resolve=True)  # type: ignore[return-value]


def compose_whole(overrides: list[str], config_dir: str | None) -> tuple[DictConfig, list[str]]:
    """The composition of *overrides* plus a choice for every implicit kind that a step needs or an option touches."""
    chosen = {key_of(o) for o in overrides}
    touched = {kind for kind in IMPLICIT if kind not in chosen and any(_touches(o, kind) for o in overrides)}
    tree = compose_tree([o for o in overrides if not any(_touches(o, kind) for kind in touched)], config_dir)
    added: list[str] = []
    while missing := [kind for kind in IMPLICIT if tree.get(kind) is None and (kind in touched or _needed(tree, kind))]:
        added += [f"+{kind}={tree.model.implicit.get(kind) or tree.implicit[kind]}" for kind in missing]
        touched = set()
        tree = compose_tree([*added, *overrides], config_dir)  # what was added may need something itself
    return (compose_tree(overrides, config_dir) if touched else tree), [*added, *overrides]


def _compose_plain(overrides: list[str], config_dir: str | None) -> tuple[DictConfig, list[str]]:
    return compose_tree(overrides, config_dir), overrides


def _touches(override: str, kind: str) -> bool:
    """Whether it sets something below a kind: ``data.dev=1``, ``data/clean=x``, ``+filter@data.clean.a=x``."""
    return section_of(override) == kind and key_of(override) != kind


def _product(stage: Stage, section: DictConfig) -> type:
    """What *stage* makes with the parts that *section* chooses."""
    for group in stage.groups:
        chosen = section.get(group)
        config_type = OmegaConf.get_type(chosen) if isinstance(chosen, DictConfig) else None
        part = next((p for p in load_catalog().parts.values() if p.config is config_type and p.config), None)
        if part is not None and part.produces:
            return part.produces
    return stage.produces


def _needed(tree: DictConfig, kind: str) -> bool:
    """Whether a selected step takes what stages of *kind* produce and no earlier step makes it."""
    catalog = load_catalog()
    product = {stage.produces for (k, _), stage in catalog.stages.items() if k == kind}
    made: set[type] = set()
    sections = (
        [tree.get(k) for k in KINDS[:2]] + list((tree.get("steps") or {}).values()) + [tree.get(k) for k in KINDS[2:]]
    )
    for section in sections:
        config_type = OmegaConf.get_type(section) if isinstance(section, DictConfig) else None
        stage = next((s for s in catalog.stages.values() if s.config is config_type), None)
        if stage is None:
            continue
        starts = bool(stage.starts_from) and not any(issubclass(m, stage.starts_from) for m in made)
        wants = {*stage.consumes, *({Tokenizer} if starts else ())}
        if any(p in wants and p not in made for p in product):
            return True
        made.add(_product(stage, section))
    return False
