"""Rules for what is named by import path: it must exist and take what the core passes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click

from belle_core.language import say
from belle_core.stages import Command, Stage
from belle_core.testing.declaration import Offer, title
from belle_core.testing.light import brief


def check_targets(offer: Offer) -> Iterator[str]:
    """What is wrong with ``run``, ``check`` and ``estimate``; silent where an optional package is not installed."""
    names = ("run", "check", "estimate") if isinstance(offer, Stage) else ("run",)
    for name in names:
        if (path := getattr(offer, name)) is not None:
            yield from _check(offer, name, path)


def _check(offer: Offer, name: str, path: str) -> Iterator[str]:
    where = f"{title(offer)}: {name}={path!r}"
    try:
        found = _resolve(path)
    except ModuleNotFoundError as error:
        if getattr(offer, "extra", None) and (error.name or "").split(".")[0] != path.split(".")[0]:
            return  # optional, and not here
        yield say(f"{where} cannot be imported: {error}", f"{where} 无法导入：{error}")
    except Exception as error:  # any error of the plugin's own code
        yield say(f"{where} cannot be imported: {brief(error)}", f"{where} 无法导入：{brief(error)}")
    else:
        yield from _check_form(offer, where, found)


def _resolve(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _check_form(offer: Offer, where: str, found: Any) -> Iterator[str]:
    if isinstance(offer, Command) and not isinstance(found, click.Command):
        yield say(f"{where} is no Click command", f"{where} 不是 Click 命令")
    if isinstance(offer, Stage) and not _takes_two(found):
        yield say(f"{where} is no function of two arguments", f"{where} 不是接受两个参数的函数")


def _takes_two(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True
