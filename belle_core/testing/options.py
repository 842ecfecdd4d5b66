"""Rules for options: a mutable dataclass whose fields are documented and that Hydra gives back as it was."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import pairwise

from omegaconf import OmegaConf

from belle_core.language import say
from belle_core.stages import PART_GROUPS, Command, Stage
from belle_core.testing.declaration import Offer, title
from belle_core.testing.light import brief


def check_options(offer: Offer) -> Iterator[str]:
    """What is wrong with the options of a stage or part."""
    if isinstance(offer, Command):
        return
    config = offer.config
    if config is None and (isinstance(offer, Stage) or PART_GROUPS.get(offer.kind)):
        yield say(
            f"{title(offer)} has no config; give it a dataclass, empty if there are no options",
            f"{title(offer)} 没有配置；请提供一个 dataclass，没有选项时可以为空",
        )
    elif config is not None and not (isinstance(config, type) and is_dataclass(config)):
        yield say(
            f"{title(offer)}: its config {config!r} is no dataclass",
            f"{title(offer)}：其配置 {config!r} 不是 dataclass",
        )
    elif config is not None:
        for name in undocumented(config):
            yield say(
                f"{config.__name__}.{name} has no docstring below it; say what it is and in which unit",
                f"{config.__name__}.{name} 下方没有文档字符串；请说明含义与单位",
            )
        yield from _round_trip(config)


def undocumented(config: type) -> list[str]:
    """Fields of *config* without a docstring; those inherited from the core are the core's own affair."""
    names = {f.name for f in fields(config)}
    found = []
    for owner in config.__mro__:
        if owner is not object and (owner is config or not owner.__module__.startswith("belle_core.")):
            documented = _documented(owner)
            found += [name for name in inspect.get_annotations(owner) if name in names and name not in documented]
    return found


def _documented(owner: type) -> set[str]:
    """Names of annotated fields that are followed by a string."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    body = tree.body[0].body  # type: ignore[attr-defined]
    return {
        before.target.id
        for before, after in pairwise(body)
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
    }


def _round_trip(config: type) -> Iterator[str]:
    """Through Hydra's tree and YAML and back, the options must be what they were."""
    if config.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        yield say(
            f"{config.__name__} is frozen, so it refuses overrides", f"{config.__name__} 是冻结的，无法接受命令行覆盖"
        )
        return
    try:
        tree = OmegaConf.structured(config)
        if OmegaConf.missing_keys(tree):  # what the user must give has no value to compare
            return
        again = OmegaConf.merge(tree, OmegaConf.create(OmegaConf.to_yaml(tree)))
        same = OmegaConf.to_object(again) == config()
    except Exception as error:  # OmegaConf raises many types, __post_init__ any
        yield say(
            f"{config.__name__} does not survive Hydra: {brief(error)}",
            f"{config.__name__} 无法经过 Hydra：{brief(error)}",
        )
        return
    if not same:
        yield say(
            f"{config.__name__} comes back from Hydra with other values (a tuple becomes a list; use list)",
            f"{config.__name__} 经过 Hydra 后取值改变（元组会变成列表；请使用 list）",
        )
