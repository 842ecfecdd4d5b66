"""``belle plugins``: what is installed, what it offers, and whether it keeps the rules."""

from __future__ import annotations

import json
from typing import Any

import click

from belle_core.commands.offers import offers
from belle_core.commands.options import print_json, with_json
from belle_core.commands.options_of import describe
from belle_core.console import print_table
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.names import unknown
from belle_core.plugins import load_catalog
from belle_core.stages import load_object


@click.group(
    "plugins",
    invoke_without_command=True,
    help=say("Installed plugins; without a subcommand: the list.", "已安装的插件；不带子命令时列出全部。"),
)
@with_json
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """The table of plugins."""
    if context.invoked_subcommand is None:
        list_plugins(as_json)


def list_plugins(as_json: bool) -> None:
    """Every plugin with its distribution and what it offers."""
    found = offers()
    if as_json:
        print_json({"plugins": [offer.as_dict() for offer in found]})
        return
    headings = [say("distribution", "发行包"), say("plugin", "插件"), say("offers", "提供")]
    print_table(headings, [[f"{offer.distribution} {offer.version}", offer.name, offer.text()] for offer in found])


@command.command(
    "check",
    help=say(
        "Check that plugins keep the rules; all of them, or those named.",
        "检查插件是否遵守规则；可指定名称，默认全部。",
    ),
)
@click.argument("names", nargs=-1)
@with_json
def check(names: tuple[str, ...], as_json: bool) -> None:
    """Runs the conformance kit; exits with 1 when a plugin breaks a rule."""
    known = [offer.name for offer in offers()]
    for name in names:
        if name not in known:
            raise unknown("plugin", name, known, typed=name)
    check_plugin = load_object("belle_core.testing:check_plugin", wanted_by="belle plugins check", extra="test")
    problems: dict[str, list[str]] = {}
    for name in names or known:
        problems[name] = list(check_plugin(name))
        if not as_json:
            _print_problems(name, problems[name])
    if as_json:
        print_json({"plugins": problems})
    if any(problems.values()):
        raise SystemExit(1)


def _print_problems(name: str, problems: list[str]) -> None:
    click.echo(f"{name}: {say('sound', '正常') if not problems else ''}".rstrip())
    for problem in problems:
        click.echo(f"  {problem}")


@command.command(
    "show",
    help=say("Options of a stage or part, for example train=lora.", "显示某个阶段或部件的选项，例如 train=lora。"),
)
@click.argument("choice", metavar="KIND=NAME", shell_complete=lambda *a: _choices(a[2]))
@with_json
def show(choice: str, as_json: bool) -> None:
    """Every option with its type, default and meaning."""
    kind, _, name = choice.lstrip("+").partition("=")
    catalog = load_catalog()
    items: dict[tuple[str, str], Any] = {**catalog.stages, **catalog.parts}
    kinds = sorted({k for k, _ in items})
    if not name:
        raise BelleError(
            f"{choice}: say KIND=NAME, for example train=lora", f"{choice}：请写 类型=名称，例如 train=lora"
        )
    if kind not in kinds:
        raise unknown("kind", kind, kinds, typed=choice)
    if (kind, name) not in items:
        raise unknown(kind, name, catalog.names(kind), typed=choice)
    about = describe(items[kind, name]) | {"plugin": catalog.providers[kind, name]}
    print_json(about) if as_json else _print_options(about)


def _choices(incomplete: str) -> list[click.shell_completion.CompletionItem]:
    names = (f"{item.kind}={item.name}" for item in load_catalog())
    return [click.shell_completion.CompletionItem(name) for name in names if name.startswith(incomplete)]


def _print_options(about: dict[str, Any]) -> None:
    click.echo(f"{about['kind']}={about['name']} ({say('plugin', '插件')} {about['plugin']}): {about['summary']}")
    for label, value in (
        (say("takes", "接受"), about["consumes"]),
        (say("works on", "作用于"), about["starts_from"]),
        (say("makes", "生成"), [about["produces"]]),
    ):
        if any(value):
            click.echo(f"  {label}: {', '.join(value)}")
    if not about["options"]:
        click.echo(say("  no options", "  没有选项"))
        return
    headings = [say("option", "选项"), say("type", "类型"), say("default", "默认值"), say("meaning", "含义")]
    mark = say(" (does not change the result)", "（不影响结果）")
    rows = [
        [o["name"], o["type"], _default_text(o["default"]), o["help"] + ("" if o["identity"] else mark)]
        for o in about["options"]
    ]
    print_table(headings, rows)


def _default_text(value: Any) -> str:
    """As it is written on the command line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
