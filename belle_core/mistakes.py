"""Turns what went wrong in a command line into sentences that name the nearest right word."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from belle_core.errors import BelleError, Invalid, Several
from belle_core.names import nearest, unknown
from belle_core.overrides import choice_as_value, group_of, key_of, section_of, wrong_option


def find_mistakes(
    overrides: list[str],
    compose: Callable[[list[str]], DictConfig],
    groups: Callable[[str], list[str]],
    config_dir: str | None = None,
) -> BelleError:
    """Every mistake in *overrides*: group choices are composed once, options are then tried on the result one by one.

    ``groups(name)`` lists the options of a config group (empty when there is no such group).
    """
    from belle_core.explanations import check_inputs, explain_failure

    mistakes: list[BelleError] = []
    choices, options, doubtful = _sort(overrides, groups, mistakes)
    if mistakes and not options:
        return mistakes[0] if len(mistakes) == 1 else Several(mistakes)  # known without composing anything
    tree = _composed(choices, options, compose, mistakes, doubtful, config_dir)
    if tree is not None:
        mistakes += [*_tried(options, tree, doubtful), *([] if doubtful else check_inputs(tree))]
        try:
            to_objects(tree)
        except Several as more:
            mistakes += more.errors
        except BelleError as one:
            mistakes.append(one)
    if not mistakes:  # only together do they not compose
        failure = _try(compose, overrides)
        mistakes = [explain_failure(" ".join(overrides), failure, config_dir)]  # type: ignore[arg-type]
    unique = list({str(mistake): mistake for mistake in mistakes}.values())
    return unique[0] if len(unique) == 1 else Several(unique)


def _sort(
    overrides: list[str], groups: Callable[[str], list[str]], mistakes: list[BelleError]
) -> tuple[list[str], list[str], set[str]]:
    """Group choices, options, and sections of which nothing can be said because their choice is unclear.

    A misspelt choice is noted and replaced by the nearest right one, so that the options below it are checked too.
    """
    choices: list[str] = []
    options: list[str] = []
    doubtful: set[str] = set()
    for override in overrides:
        if mistake := _syntax(override) or choice_as_value(override, groups):
            mistakes.append(mistake)
        elif twice := next((o for o in choices if key_of(o) == key_of(override) and "+" == o[0] == override[0]), None):
            mistakes.append(_chosen_twice(override, twice))
        elif mistake := wrong_option(override, groups):
            mistakes.append(mistake)
            key, _, value = override.partition("=")
            near = nearest(value, groups(group_of(override)))
            if near:
                choices.append(f"{key}={near}")
            doubtful |= set() if near else {section_of(override)}
        else:
            (choices if groups(group_of(override)) else options).append(override)
    return choices, options, doubtful


def _chosen_twice(override: str, first: str) -> BelleError:
    place = key_of(override).rpartition("@")[2].rpartition(".")[0] or "steps"
    several = f"+{group_of(override)}@{place}.<name>={override.partition('=')[2]}"
    return BelleError(
        f"{override}: there is {first} already; several of one kind have names of their own: {several}",
        f"{override}：已有 {first}；同类的多个要各有名称：{several}",
    )


def _composed(
    choices: list[str],
    options: list[str],
    compose: Callable[[list[str]], DictConfig],
    mistakes: list[BelleError],
    doubtful: set[str],
    config_dir: str | None,
) -> DictConfig | None:
    """The run without its options; choices that do not compose are noted and left out."""
    from belle_core.explanations import explain_failure

    tree = _try(compose, choices)
    if not isinstance(tree, DictConfig):
        good: list[str] = []
        for choice in choices:
            if isinstance(attempt := _try(compose, [*good, choice]), DictConfig):
                good, tree = [*good, choice], attempt
            else:
                mistakes.append(explain_failure(choice, attempt, config_dir))
                doubtful.add(section_of(choice))
        choices = good
    if not isinstance(tree, DictConfig):
        tree = _try(compose, choices)
    if not isinstance(tree, DictConfig):
        return None
    touched = {section_of(option) for option in options} - doubtful
    implicit = [f"+{kind}={tree.model.implicit.get(kind) or tree.implicit[kind]}" for kind in tree.implicit
                if kind in touched and tree.get(kind) is None]  # fmt: skip
    whole = _try(compose, [*implicit, *choices]) if implicit else tree
    return whole if isinstance(whole, DictConfig) else tree


def _tried(options: list[str], tree: DictConfig, doubtful: set[str]) -> list[BelleError]:
    """Put every option into *tree*; the mistakes of those that do not fit."""
    from belle_core.explanations import explain_option, put

    mistakes = []
    for option in options:
        if section_of(option) in doubtful:
            continue
        try:
            put(option, tree)
        except Exception as error:  # OmegaConf raises many types; each is explained
            mistakes.append(explain_option(option, error, tree))
    return mistakes


def to_objects(tree: DictConfig) -> Any:
    """The typed configuration; raises every value that an option refuses at once, with its full path."""
    errors: list[BelleError] = []
    _refusals(tree, "", errors)
    if errors:
        raise errors[0] if len(errors) == 1 else Several(errors)
    return OmegaConf.to_object(tree)


def _refusals(node: DictConfig, path: str, errors: list[BelleError]) -> None:
    before = len(errors)
    errors += [unknown("option", f"{path}.{key}".lstrip("."), known) for key, known in _strangers(node)]
    for key in map(str, node):
        if OmegaConf.is_missing(node, key):
            where = f"{path}.{key}".lstrip(".")
            errors.append(BelleError(f"{where} has no value; say {where}=…", f"{where} 没有取值；请写 {where}=…"))
        elif isinstance(child := node[key], DictConfig):
            _refusals(child, f"{path}.{key}".lstrip("."), errors)
        elif any(
            isinstance(one, float) and not isfinite(one)
            for one in (child if isinstance(child, ListConfig) else [child])
        ):
            where = f"{path}.{key}".lstrip(".")
            errors.append(
                BelleError(f"{where} must be a finite number, got {child}", f"{where} 应为有限的数，现在是 {child}")
            )
    if len(errors) == before and OmegaConf.get_type(node) not in (dict, None):
        try:
            OmegaConf.to_object(node)
        except Invalid as error:
            errors.append(error.at(path))
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            where, why = path or "config", str(error).splitlines()[0]
            errors.append(BelleError(f"{where}: {why}", f"{where}：{why}"))


def _strangers(node: DictConfig) -> Iterator[tuple[str, list[str]]]:
    """Keys that the dataclass of *node* does not have (``+train.rnak=3`` puts them there), and those that it has."""
    kind = OmegaConf.get_type(node)
    known = [f.name for f in fields(kind)] if is_dataclass(kind) else list(map(str, node))
    yield from ((str(key), known) for key in node if key not in known)


def _try(compose: Callable[[list[str]], DictConfig], overrides: Sequence[str]) -> DictConfig | Exception:
    try:
        return compose(list(overrides))
    except Exception as error:  # Hydra and OmegaConf raise many types; each is explained
        return error


def _syntax(override: str) -> BelleError | None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        OverridesParser.create().parse_override(override)
    except HydraException as error:
        why = str(error).splitlines()[0]
    else:
        why = "" if key_of(override) else "no key"
    if why and re.search(r"[^\w@./~+-]|[^\x00-\x7f]", override.partition("=")[0]):
        return BelleError(
            f"{override}: names of options, sources, filters and steps are made of a-z, A-Z, 0-9 and _",
            f"{override}：选项、来源、过滤器和步骤的名称只能由 a-z、A-Z、0-9 和 _ 组成",
        )
    if why and (quoted := _quoted(override)):
        return BelleError(
            f"{override}: a text with such signs needs quotes, and the shell a second pair: {quoted}",
            f"{override}：含这类字符的文本要加引号，外面再加一层给命令行：{quoted}",
        )
    if why:
        return BelleError(
            f"{override}: cannot be read as an option ({why}); write key=value, with quotes around signs such as [ {{ , '",
            f"{override}：无法识别这个选项（{why}）；格式是 key=value，含 [ {{ , 等符号的值要加引号",
        )
    return None


def _quoted(override: str) -> str:
    """How *override* is typed so that its value is a text; empty where that is not what is wrong with it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    key, _, value = override.partition("=")
    if not key or not value or value[0] in "[{'\"":
        return ""
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    whole = f"{key}='{escaped}'"
    try:
        OverridesParser.create().parse_override(whole)
    except HydraException:
        return ""
    return shlex.quote(whole) if re.search(r'["$`\\!]', whole) else f'"{whole}"'
