"""What can be said about an override from its text and the catalog alone, before Hydra is imported."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields

from belle_core.config import ModelConfig, TrainerConfig
from belle_core.errors import BelleError, Several
from belle_core.names import nearest, unknown
from belle_core.plugins import load_catalog

PLAIN_CHOICE = re.compile(r"\+?[\w/@.-]+=[\w./-]+")
"""A group choice without signs that need Hydra's parser."""
READABLE = re.compile(r"[\w\s/\\+.$%*@?|:-]*", re.ASCII)
"""Values that Hydra reads without quotes."""
SIGNS = re.compile(r"""[\[\]{}'"=]|^\w+\(|\$\{""", re.ASCII)
"""What means something to Hydra: lists, mappings, quotes, functions, references; a comma between values is a sweep's."""
Groups = Callable[[str], list[str]]
"""Options of a config group by its name; empty when there is no such group."""


def quoted(override: str) -> str:
    """*override* as Hydra reads it: ``data.path=数据.jsonl`` and ``data.path=~/a.jsonl`` get the quotes that nobody thinks of."""
    match = re.fullmatch(r"([+~]{0,2}[\w/@.]+)=(.*)", override, re.ASCII | re.DOTALL)
    if match is None:
        return override
    key, value = match.groups()
    if value.startswith(("[", "{")) and not re.search(r"""['"=()\\]|\$\{""", value):
        entry = r"[^][{},:]+" if "{" in value else r"[^][{},]+"
        return f"{key}={re.sub(entry, lambda found: _text(found[0]), value)}"
    return override if SIGNS.search(value) else f"{key}={re.sub('[^,]+', lambda found: _text(found[0]), value)}"


def _text(value: str) -> str:
    """*value* in quotes if Hydra needs them; blanks around it stay outside."""
    bare = value.strip()
    if READABLE.fullmatch(bare):
        return value
    ended = re.sub(r"\\+$", lambda found: 2 * found[0], bare)
    return value.replace(bare, f"'{ended}'")


def key_of(override: str) -> str:
    """``+train@steps.a=lora`` → ``train@steps.a``."""
    return override.split("=", 1)[0].lstrip("+~")


def group_of(override: str) -> str:
    """``+train@steps.a=lora`` → ``train``."""
    return key_of(override).split("@")[0]


def section_of(override: str) -> str:
    """The first word of where an override goes: ``train.rank=4`` → ``train``, ``+train@steps.a=lora`` → ``steps.a``."""
    key = key_of(override)
    parts = key.rpartition("@")[2].replace("/", ".").split(".")
    return ".".join(parts[:2]) if parts[0] == "steps" else parts[0]


def wrong_option(override: str, groups: Groups) -> BelleError | None:
    """A group choice whose option does not exist, e.g. ``+train=lorra``."""
    key, _, value = override.partition("=")
    group = group_of(override)
    options = groups(group)
    if not options or "." in group or override.startswith("~"):
        return None
    for choice in value.strip("[]").split(","):
        if choice and choice not in options and choice != "null":
            return unknown(group, choice, options, typed=f"{key}={choice}")
    return None


def choice_as_value(override: str, groups: Groups) -> BelleError | None:
    """A value for a section that is chosen from a group, e.g. ``train.optimizer=muon``."""
    key, value = key_of(override), override.partition("=")[2]
    group = key.replace(".", "/")
    if group == key or "@" in key or value.startswith(("{", "$")) or not (options := groups(group)):
        return None
    right = f"{group}={value if value in options else nearest(value, options) or '<name>'}"
    return BelleError(
        f"{override}: {key} is chosen from a group, so write {right}; there is: {', '.join(options)}",
        f"{override}：{key} 要从配置组中选择，请写 {right}；可用：{', '.join(options)}",
    )


def refuse_choices(overrides: list[str], groups: Groups) -> None:
    """Raise ``BelleError`` for wrong choices where there is nothing else to check, which needs no composition."""
    if not all(PLAIN_CHOICE.fullmatch(override) and groups(group_of(override)) for override in overrides):
        return
    wrong = [error for override in overrides if (error := wrong_option(override, groups))]
    if wrong:
        raise wrong[0] if len(wrong) == 1 else Several(wrong)


def wrong_key(override: str, overrides: list[str]) -> bool:
    """Whether *override* surely sets an option that its section does not have, e.g. ``train.rnk=2``."""
    section, _, rest = key_of(override).partition(".")
    if not rest or override.startswith("+") or "@" in section:
        return False
    options = {"model": ModelConfig, "trainer": TrainerConfig}.get(section) or _chosen(section, overrides)
    return options is not None and rest.split(".")[0] not in {f.name for f in fields(options)}


def _chosen(section: str, overrides: list[str]) -> type | None:
    """The options of the stage that ``+<section>=<name>`` chooses; ``None`` for a preset or none."""
    name = next((o.partition("=")[2] for o in overrides if key_of(o) == section), "")
    stage = load_catalog().stages.get((section, name))
    return stage.config if stage else None
