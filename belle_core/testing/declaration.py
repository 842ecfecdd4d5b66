"""Rules for what a plugin's module declares: its hooks, and the names of what it offers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

import pluggy

from belle_core import hooks
from belle_core.errors import in_one_line
from belle_core.language import say
from belle_core.stages import KINDS, PART_GROUPS, Command, Part, Stage

Offer = Stage | Part | Command
HOOKS = tuple(name for name in vars(hooks) if name.startswith(f"{hooks.PROJECT}_"))


def offers_of(module: ModuleType) -> Iterator[Offer]:
    """Every stage, part and command that the plugin's hooks return."""
    for hook in ("belle_stages", "belle_parts", "belle_commands"):
        if (function := getattr(module, hook, None)) is not None:
            yield from function()


def title(offer: Offer) -> str:
    """How the user chooses it."""
    return f"belle {offer.name}" if isinstance(offer, Command) else f"{offer.kind}={offer.name}"


def check_hooks(module: ModuleType) -> Iterator[str]:
    """Unknown hooks, hooks without their mark, and hooks with arguments that do not exist."""
    for name, function in vars(module).items():
        marked = hasattr(function, f"{hooks.PROJECT}_impl")
        if marked and name not in HOOKS:
            near = get_close_matches(name, HOOKS, n=1, cutoff=0)[0]
            yield say(
                f"{module.__name__}.{name} is no hook of belle; did you mean {near}?",
                f"{module.__name__}.{name} 不是 belle 的钩子；是不是 {near}？",
            )
        elif name in HOOKS and not marked:
            yield say(
                f"{module.__name__}.{name} is not called: it lacks @hookimpl",
                f"{module.__name__}.{name} 不会被调用：缺少 @hookimpl",
            )
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    try:
        manager.register(module)
    except pluggy.PluginValidationError as error:
        yield f"{module.__name__}: {in_one_line(error)}"


def check_names(module: ModuleType, offers: list[Offer]) -> Iterator[str]:
    """Something is offered, its kind exists, and its name can be typed on a command line."""
    presets = (Path(module.__file__ or "").parent / "conf").is_dir()
    if not offers and not presets and not hasattr(module, "belle_event"):
        yield say(f"{module.__name__} offers nothing", f"{module.__name__} 没有提供任何内容")
    for offer in offers:
        kinds = KINDS if isinstance(offer, Stage) else tuple(PART_GROUPS)
        if not isinstance(offer, Command) and offer.kind not in kinds:
            yield say(
                f"{title(offer)}: there is no kind {offer.kind!r}; known: {', '.join(kinds)}",
                f"{title(offer)}：没有 {offer.kind!r} 这个种类；可用：{', '.join(kinds)}",
            )
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", offer.name):
            yield say(
                f"{title(offer)}: a name has lower-case letters, digits, '_' and '-' only, and begins with a letter",
                f"{title(offer)}：名称只能包含小写字母、数字、'_' 和 '-'，并以字母开头",
            )
