"""Turns what went wrong in a command line into sentences that name the nearest right word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from belle_core.errors import BelleError, Invalid, Several


def unknown(what: str, value: str, known: Iterable[str], *, typed: str = "") -> BelleError:
    """The error for a name that does not exist, with the nearest right one."""
    names = sorted(known)
    near = get_close_matches(value, names, n=1, cutoff=0.5)
    shown = typed or f"{what}={value}"
    listing = ", ".join(names[:30]) or "-"
    if near:
        return BelleError(
            f"{shown}: there is no {what} {value!r}; did you mean {near[0]!r}? Known: {listing}",
            f"{shown}：没有名为 {value!r} 的 {what}；是不是 {near[0]!r}？可用：{listing}",
        )
    return BelleError(
        f"{shown}: there is no {what} {value!r}. Known: {listing}",
        f"{shown}：没有名为 {value!r} 的 {what}。可用：{listing}",
    )


def find_mistakes(
    overrides: list[str], compose: Callable[[list[str]], DictConfig], groups: Callable[[str], list[str]]
) -> BelleError:
    """Compose again and again, leaving out what fails, until every mistake in *overrides* is known.

    ``groups(name)`` lists the options of a config group (empty when there is no such group).
    """
    mistakes: list[BelleError] = []
    remaining = []
    for override in overrides:
        mistake = _syntax(override) or wrong_option(override, groups)
        if mistake:
            mistakes.append(mistake)
        else:
            remaining.append(override)
    if not remaining and mistakes:
        return mistakes[0] if len(mistakes) == 1 else Several(mistakes)
    good: list[str] = []
    tree = _try(compose, remaining)
    if isinstance(tree, DictConfig):
        good = remaining
    else:  # add one after the other and note those that break it; group choices first, since keys need them
        for override in sorted(remaining, key=lambda o: not groups(_key(o).split("@")[0])):
            tree = _try(compose, [*good, override])
            if isinstance(tree, DictConfig):
                good.append(override)
            else:
                mistakes.append(_explain(override, tree, _try(compose, good)))
    try:
        if isinstance(tree := _try(compose, good), DictConfig):
            to_objects(tree)
    except Several as more:
        mistakes += more.errors
    except BelleError as one:
        mistakes.append(one)
    return mistakes[0] if len(mistakes) == 1 else Several(mistakes)


def to_objects(tree: DictConfig) -> Any:
    """The typed configuration; raises every value that an option refuses at once, with its full path."""
    errors: list[BelleError] = []
    _refusals(tree, "", errors)
    if errors:
        raise errors[0] if len(errors) == 1 else Several(errors)
    return OmegaConf.to_object(tree)


def _refusals(node: DictConfig, path: str, errors: list[BelleError]) -> None:
    before = len(errors)
    for key in node:
        if OmegaConf.is_missing(node, key):
            where = f"{path}.{key}".lstrip(".")
            errors.append(BelleError(f"{where} has no value; say {where}=…", f"{where} 没有取值；请写 {where}=…"))
        elif isinstance(child := node[key], DictConfig):
            _refusals(child, f"{path}.{key}".lstrip("."), errors)
    if len(errors) == before and OmegaConf.get_type(node) not in (dict, None):
        try:
            OmegaConf.to_object(node)
        except Invalid as error:
            errors.append(error.at(path))
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            where, why = path or "config", str(error).splitlines()[0]
            errors.append(BelleError(f"{where}: {why}", f"{where}：{why}"))


def _key(override: str) -> str:
    return override.split("=", 1)[0].lstrip("+~")


def _try(compose: Callable[[list[str]], DictConfig], overrides: list[str]) -> DictConfig | Exception:
    try:
        return compose(overrides)
    except Exception as error:  # Hydra and OmegaConf raise many types; each is explained below
        return error


def _syntax(override: str) -> BelleError | None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import OverrideParseException

    try:
        OverridesParser.create().parse_override(override)
    except OverrideParseException as error:
        why = str(error).splitlines()[0]
        return BelleError(
            f"{override}: cannot be read as an option ({why}); write key=value",
            f"{override}：无法识别这个选项（{why}）；格式是 key=value",
        )
    return None


def wrong_option(override: str, groups: Callable[[str], list[str]]) -> BelleError | None:
    """A group choice whose option does not exist, e.g. ``+train=lorra``."""
    key, _, value = override.partition("=")
    group = _key(override).split("@")[0]
    options = groups(group)
    if not options or "." in group or override.startswith("~"):
        return None
    for choice in value.strip("[]").split(","):
        if choice and choice not in options and choice != "null":
            return unknown(group, choice, options, typed=f"{key}={choice}")
    return None


def _explain(override: str, error: Exception, tree: Any) -> BelleError:
    """One sentence for an override that does not compose on top of *tree*."""
    key = _key(override)
    chain: BaseException | None = error
    while chain is not None and not isinstance(chain, (BelleError, OmegaConfBaseException)):
        chain = chain.__cause__
    if isinstance(chain, BelleError):
        return chain
    why = " ".join(str(chain or error).split("full_key")[0].split())
    known = _paths(tree) if isinstance(tree, DictConfig) else []
    if key not in known and "=" in override and "@" not in key:
        section = key.split(".")[0]
        if isinstance(tree, DictConfig) and "." in key and tree.get(section) is None:
            return BelleError(
                f"{override}: this run has no {section} step; choose one with +{section}=<name>",
                f"{override}：本次运行没有 {section} 步骤；用 +{section}=<名称> 选择一个",
            )
        return unknown("option", key, known, typed=override)
    return BelleError(f"{override}: {why}", f"{override}：{why}")


def _paths(node: DictConfig, prefix: str = "") -> list[str]:
    found = []
    for key in node:
        path = f"{prefix}{key}"
        found.append(path)
        child = None if OmegaConf.is_missing(node, key) else node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none():
            found += _paths(child, f"{path}.")
    return found
