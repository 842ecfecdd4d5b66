"""One sentence for an option or a configuration file that does not compose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from belle_core.errors import BelleError
from belle_core.names import LISTED, nearest, unknown
from belle_core.overrides import key_of
from belle_core.stages import KINDS

TYPES = {
    "int": ("a whole number", "整数"),
    "float": ("a number", "数字"),
    "bool": ("true or false", "true 或 false"),
    "str": ("a text", "文本"),
    "list": ("a list such as [a,b]", "列表，如 [a,b]"),
    "dict": ("a mapping such as {a:1}", "映射，如 {a:1}"),
}


def put(override: str, tree: DictConfig) -> None:
    """Apply one option to a composed *tree*, as Hydra does; raises what it would raise."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_override(override)
    key = parsed.key_or_group
    if key.startswith("hydra"):
        return  # Hydra's own section is not part of the tree
    if parsed.package is not None:
        raise LookupError(key)
    if parsed.is_sweep_override():
        raise _sweep(override)
    parent, _, last = key.rpartition(".")
    node = section_at(tree, parent)
    if node is None or (last not in node.keys() and not (parsed.is_add() and _open(node))):
        raise LookupError(key)
    if parsed.is_delete():
        with open_dict(tree):
            del node[last]
    else:
        OmegaConf.update(tree, key, parsed.value(), merge=True, force_add=parsed.is_add())


def _sweep(override: str) -> BelleError:
    return BelleError(
        f"{override}: several values need a sweep: belle -m …; a single value with a comma needs quotes",
        f"{override}：多个取值需要参数扫描：belle -m …；含逗号的单个值要加引号",
    )


def section_at(tree: DictConfig, path: str) -> DictConfig | None:
    """The section of that path, ``None`` when there is none or it has no value."""
    node = OmegaConf.select(tree, path) if path else tree
    return node if isinstance(node, DictConfig) else None


def _open(node: DictConfig) -> bool:
    """Whether a section takes any key."""
    return not is_dataclass(OmegaConf.get_type(node))


def explain_option(override: str, error: Exception, tree: DictConfig) -> BelleError:
    """Why *override* does not fit into *tree*."""
    if isinstance(error, BelleError):
        return error
    key = key_of(override).split("@")[0]
    parent, _, last = key.rpartition(".")
    node = section_at(tree, parent)
    if node is not None and last in node.keys():  # `in` itself overlooks options without a value
        return _wrong_value(override, key, node, last, error)
    if parent and node is not None:
        return _unknown_key(override, key, node, tree)
    return _unknown_section(override, key, tree)


def _wrong_value(override: str, key: str, node: DictConfig, last: str, error: Exception) -> BelleError:
    kind = OmegaConf.get_type(node)
    declared = next((str(f.type) for f in fields(kind) if f.name == last), "") if is_dataclass(kind) else ""
    if declared == "dict[str, Any]":
        return BelleError(
            f"{override}: what {key} holds is chosen one by one: +<group>@{key}.<name>=<choice>",
            f"{override}：{key} 的内容要逐个选择：+<group>@{key}.<名称>=<选项>",
        )
    word = re.match(r"\w*", declared)
    if word and (text := TYPES.get(word.group())):
        return BelleError(
            f"{override}: {key} takes {text[0]} ({declared})", f"{override}：{key} 应为{text[1]}（{declared}）"
        )
    why = _first_line(error)
    return BelleError(f"{override}: {why}", f"{override}：{why}")


def _unknown_key(override: str, key: str, node: DictConfig, tree: DictConfig) -> BelleError:
    """An option that its section does not have; a namesake elsewhere is a better guess than a stranger beside it."""
    parent, _, last = key.rpartition(".")
    if _open(node) and override.startswith("~"):
        known = ", ".join(sorted(map(str, node))[:LISTED]) or "-"
        return BelleError(f"{override}: {parent} has no {last!r}. It has: {known}", f"{override}：{parent} 中没有 {last!r}。其中有：{known}")  # fmt: skip
    if _open(node):
        return _addable(override, parent, last)
    near = nearest(last, map(str, node))
    elsewhere = [path for path in _paths(tree) if path.rpartition(".")[2] == last]
    guess = f"{parent}.{near}" if near else nearest(key, elsewhere)
    known = ", ".join(sorted(map(str, node))[:LISTED])
    if guess:
        return BelleError(
            f"{override}: there is no option {key!r}; did you mean {guess!r}? {parent} has: {known}",
            f"{override}：没有名为 {key!r} 的选项；是不是 {guess!r}？{parent} 的选项：{known}",
        )
    return BelleError(
        f"{override}: there is no option {key!r}. {parent} has: {known}",
        f"{override}：没有名为 {key!r} 的选项。{parent} 的选项：{known}",
    )


def _addable(override: str, parent: str, last: str) -> BelleError:
    return BelleError(
        f"{override}: {parent} has no {last!r} yet; to add it write +{override}",
        f"{override}：{parent} 中还没有 {last!r}；要添加请写 +{override}",
    )


def _unknown_section(override: str, key: str, tree: DictConfig) -> BelleError:
    """An option of a step that is not chosen, of a step name that does not exist, or of no section at all."""
    from belle_core.choices import all_groups, options_of

    section, _, rest = key.partition(".")
    if section in KINDS and tree.get(section) is not None and rest:
        return _unknown_below(override, key, tree)
    if section == "inputs" and rest:
        name = rest.split(".")[0]
        return (
            unknown("step", name, _steps(tree), typed=override)
            if name not in _steps(tree)
            else _addable(override, "inputs", rest)
        )
    if section == "steps" and rest:
        name = rest.split(".")[0]
        return unknown("step", name, list(tree.steps), typed=override)
    if section in KINDS and (rest or override.startswith("~")):
        names = "|".join(options_of(section))
        return BelleError(
            f"{override}: this run has no {section} step; choose one with +{section}={names}",
            f"{override}：本次运行没有 {section} 步骤；用 +{section}={names} 选择一个",
        )
    known = {*map(str, tree), *(group for group in all_groups() if "/" not in group)}
    near = nearest(section, known)
    if rest and near and near != section:
        return BelleError(
            f"{override}: there is no section {section!r}; did you mean '{near}.{rest}'?",
            f"{override}：没有名为 {section!r} 的部分；是不是 '{near}.{rest}'？",
        )
    return unknown("option", section, known, typed=override)


def _unknown_below(override: str, key: str, tree: DictConfig) -> BelleError:
    """An option of something that a chosen step does not have, such as ``data.clean.lengt.min``."""
    parts = key.split(".")
    depth = next(n for n in range(len(parts) - 1, 0, -1) if section_at(tree, ".".join(parts[:n])) is not None)
    parent, missing, rest = ".".join(parts[:depth]), parts[depth], parts[depth + 1 :]
    known = list(map(str, section_at(tree, parent) or ()))
    near, listed = nearest(missing, known), ", ".join(sorted(known)[:LISTED])
    if missing in known and rest:
        whole = f"{parent}.{missing}={{{'.'.join(rest)}: {override.partition('=')[2]}}}"
        return BelleError(
            f"{override}: {parent}.{missing} is given as a whole; if it is a mapping, for example '{whole}'",
            f"{override}：{parent}.{missing} 须整体给出；若是映射，例如 '{whole}'",
        )
    if near:
        guess = ".".join((parent, near, *(rest if section_at(tree, f"{parent}.{near}") is not None else ())))
        more = f"; did you mean {guess!r}? {parent} has: {listed}", f"；是不是 {guess!r}？{parent} 中有：{listed}"
    elif parts[depth - 1] == "clean":
        add = f"+filter@{parent}.{missing}=<filter>"
        more = f"; a filter of that name is added with {add}", f"；用 {add} 添加一个这样命名的过滤器"
    else:
        more = (f". It has: {listed}", f"。其中有：{listed}") if known else ("", "")
    return BelleError(
        f"{override}: {parent} has no {missing!r}{more[0]}", f"{override}：{parent} 中没有 {missing!r}{more[1]}"
    )


def explain_failure(typed: str, error: Exception, config_dir: str | None) -> BelleError:
    """Why a group choice does not compose; a fault in a file names the file, the line and the key."""
    causes = list(_causes(error))
    own = next((cause for cause in causes if isinstance(cause, BelleError)), None)
    if own is not None:
        return own
    for cause in causes:
        if (mark := getattr(cause, "problem_mark", None)) is not None:  # yaml.MarkedYAMLError
            where, why = f"{mark.name}:{mark.line + 1}", getattr(cause, "problem", "")
            return BelleError(f"{where}: is no valid YAML ({why})", f"{where}：不是有效的 YAML（{why}）")
    named = re.search(r"In '([^']+)'", str(error))
    path = _file(named.group(1), config_dir) if named else None
    where = str(path) if path else typed
    if (twice := re.search(r"Multiple values for ([\w/@.]+)\.", str(error))) and typed.startswith("+"):
        return BelleError(
            f"{typed}: {twice.group(1)} has a choice already; to change it leave out the plus: {typed[1:]}",
            f"{typed}：{twice.group(1)} 已有选择；要更改请去掉加号：{typed[1:]}",
        )
    if "Ambiguous value" in str(error):
        return _sweep(typed)
    if (absent := re.search(r"Could not override '([\w/@.]+)'\.", str(error))) and "=" in typed:
        return BelleError(
            f"{typed}: nothing is chosen for {absent.group(1)} that could be changed; to choose it write +{typed}",
            f"{typed}：{absent.group(1)} 还没有可更改的选择；要选择请加上加号：+{typed}",
        )
    if "Could not delete" in str(error):
        return BelleError(
            f"{typed}: nothing of that name is chosen that could be taken away",
            f"{typed}：没有可以去掉的这项选择",
        )
    missing = re.search(r"Could not (?:load|find) '([^']+)'", str(error))
    if missing:
        return _missing_choice(missing.group(1), where, config_dir)
    detail = next((cause for cause in causes if isinstance(cause, OmegaConfBaseException)), None)
    if isinstance(detail, ConfigKeyError) and is_dataclass(detail.object_type):
        key = str(detail.key)
        return unknown("option", key, [f.name for f in fields(detail.object_type)], typed=_at_line(where, path, key))
    if detail is not None and path is not None:
        key = str(detail.full_key or detail.key or "")
        shown = _at_line(where, path, key.rpartition(".")[2])
        return BelleError(f"{shown}: {key}: {_first_line(detail)}", f"{shown}：{key}：{_first_line(detail)}")
    why = _first_line(detail or error)
    return BelleError(f"{typed}: {why}", f"{typed}：{why}")


def _missing_choice(name: str, where: str, config_dir: str | None) -> BelleError:
    from belle_core.choices import options_of

    group, _, choice = name.rpartition("/")
    return unknown(group or "config", choice, options_of(group, config_dir), typed=where)


def _file(name: str, config_dir: str | None) -> Path | None:
    """The YAML file that Hydra calls *name* (``train/mine``)."""
    from belle_core.choices import config_directory, plugin_folders

    folders = [
        *([Path(config_dir)] if config_dir else []),
        config_directory(),
        *(f for _, f in plugin_folders().values()),
    ]
    return next((path for folder in folders if (path := folder / f"{name}.yaml").is_file()), None)


def _at_line(where: str, path: Path | None, key: str) -> str:
    """``file:line`` of the first line that begins with *key*."""
    if path is None:
        return where
    pattern = re.compile(rf"\s*-?\s*{re.escape(key)}\s*:")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    number = next((n for n, line in enumerate(lines, 1) if pattern.match(line)), None)
    return f"{where}:{number}" if number else where


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split("full_key")[0].split())


def _paths(node: DictConfig, prefix: str = "") -> Iterable[str]:
    """Every option below *node*; sections without a value have none."""
    for key in map(str, node):
        child = None if OmegaConf.is_missing(node, key) else node._get_node(key)
        if isinstance(child, DictConfig):
            if not child._is_none():
                yield from _paths(child, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def check_inputs(tree: DictConfig) -> list[BelleError]:
    """``inputs`` of steps that the run does not have."""
    steps = _steps(tree)
    return [unknown("step", str(name), steps, typed=f"inputs.{name}") for name in tree.inputs if name not in steps]


def _steps(tree: DictConfig) -> list[str]:
    return [kind for kind in KINDS if tree.get(kind) is not None] + list(map(str, tree.steps))
