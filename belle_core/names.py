"""The nearest right name for a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from belle_core.errors import BelleError

LISTED = 15
"""Most names that a message lists."""


def nearest(value: str, names: Iterable[str]) -> str | None:
    """The known name that *value* most likely means."""
    close = get_close_matches(value, list(names), n=1, cutoff=0.5)
    return close[0] if close else None


CHINESE = {
    "command": "命令", "data set": "数据集", "field": "字段", "format": "格式", "input": "输入", "kind": "种类", "option": "选项", "plugin": "插件",
    "reason": "原因", "run": "运行", "runner": "执行器", "split": "划分", "step": "步骤",
}  # fmt: skip
"""What is looked for, in Chinese; names that are code stay as they are."""


def unknown(what: str, value: str, known: Iterable[str], *, typed: str = "") -> BelleError:
    """The error for a name that does not exist, with the nearest right one."""
    names = sorted(known)
    near = nearest(value, names)
    shown, chinese = typed or f"{what}={value}", CHINESE.get(what, f" {what} 选项")
    listing = ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "") or "-"
    if near:
        return BelleError(
            f"{shown}: there is no {what} {value!r}; did you mean {near!r}? Known: {listing}",
            f"{shown}：没有名为 {value!r} 的{chinese}；是不是 {near!r}？可用：{listing}",
        )
    return BelleError(
        f"{shown}: there is no {what} {value!r}. Known: {listing}",
        f"{shown}：没有名为 {value!r} 的{chinese}。可用：{listing}",
    )
