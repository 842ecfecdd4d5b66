"""``belle doctor``: this machine, versions, and what is missing for what."""

from __future__ import annotations

import os
from typing import Any

import click

from belle_core.api import default_store
from belle_core.commands import machine, packages
from belle_core.commands.options import print_json, with_json
from belle_core.console import size_text
from belle_core.errors import BelleError
from belle_core.language import say

SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY", "WANDB_API_KEY", "MODELSCOPE_API_TOKEN")
OPEN = ("HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE", "OPENAI_BASE_URL", "WANDB_MODE")
SET = "set"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@click.command(
    "doctor", help=say("This machine, versions, and what is missing for what.", "检查本机、版本与缺失的软件包。")
)
@with_json
def command(as_json: bool) -> None:
    """Exits with 1 when something is broken; what is only absent is no fault."""
    result = examine()
    print_json(result) if as_json else _print(result)
    if result["problems"]:
        raise SystemExit(1)


def examine() -> dict[str, Any]:
    """Everything that is worth knowing before a run or for a report of a fault; no secret is in it."""
    store = default_store().root
    plugins, broken = _plugins()
    result: dict[str, Any] = {
        "machine": machine.describe(),
        "gpus": machine.gpus(),
        "store": machine.disk(store),
        "packages": packages.required(),
        "optional": packages.optional(),
        "plugins": plugins,
        "environment": environment(),
    }
    result["problems"] = [*broken, *_problems(result)]
    return result


def environment() -> dict[str, str]:
    """Variables that matter: of secrets only that they are set, of proxies only the host."""
    found = {name: os.environ[name] for name in OPEN if os.environ.get(name)}
    found |= {name: SET for name in SECRETS if os.environ.get(name)}
    for name in (*PROXIES, *map(str.upper, PROXIES)):
        if value := os.environ.get(name):
            found[name] = value if name.lower() == "no_proxy" else machine.host_of(value)
    found |= {
        name: SET if secret(name) else value for name, value in sorted(os.environ.items()) if name.startswith("BELLE_")
    }
    return {name: machine.without_password(value) for name, value in found.items()}


def secret(name: str) -> bool:
    """Whether a variable's name says that its value must not be shown."""
    return any(word in name.upper() for word in ("TOKEN", "KEY", "SECRET", "PASSWORD"))


def _plugins() -> tuple[list[str], list[str]]:
    from belle_core.plugins import load_catalog, load_plugins

    try:
        load_catalog()
        return sorted(name for name, _ in load_plugins().list_name_plugin()), []
    except BelleError as error:
        return [], [str(error)]


def _problems(result: dict[str, Any]) -> list[str]:
    problems = []
    for package in result["packages"]:
        name, wanted, found = package["name"], package["wanted"], package["version"]
        if not package["ok"]:
            problems.append(say(f"{name}: {wanted or 'any version'} is needed, found {found or 'none'}; pip install -U belle",
                                f"{name}：需要 {wanted or '任意版本'}，现有 {found or '无'}；请执行 pip install -U belle"))  # fmt: skip
    store = result["store"]
    if not store["writable"]:
        problems.append(
            say(
                f"the store {store['path']} cannot be written; choose another with BELLE_STORE",
                f"存储目录 {store['path']} 不可写；用 BELLE_STORE 换一个",
            )
        )
    return problems


def _print(result: dict[str, Any]) -> None:
    m, store = result["machine"], result["store"]
    click.echo(say("machine", "本机"))
    click.echo(f"  {m['system']} · Python {m['python']} · {m['processor']}")
    memory = size_text(m["memory"]) if m["memory"] else "?"
    click.echo(say(f"  {m['cores']} cores, {memory} memory", f"  {m['cores']} 个核心，内存 {memory}"))
    for gpu in result["gpus"]:
        click.echo(f"  {gpu['name']}, {size_text(gpu['memory'])}, {say('driver', '驱动')} {gpu['driver']}")
    if not result["gpus"]:
        click.echo(say("  no NVIDIA GPU found", "  未发现 NVIDIA GPU"))
    elif any(p["name"] == "torch" and "+cpu" in (p["version"] or "") for p in result["packages"]):
        click.echo(
            say(
                "  the installed torch is a CPU build and does not use it",
                "  当前安装的 torch 是 CPU 版本，不会使用 GPU",
            )
        )
    state = say("writable", "可写") if store["writable"] else say("not writable", "不可写")
    click.echo(
        say(
            f"store\n  {store['path']}: {state}, {size_text(store['free'])} free",
            f"存储\n  {store['path']}：{state}，剩余 {size_text(store['free'])}",
        )
    )
    _print_packages(result)
    click.echo(say("plugins", "插件") + "\n  " + (", ".join(result["plugins"]) or "-"))
    click.echo(say("environment", "环境变量"))
    for name, value in result["environment"].items() or [("-", "")]:
        shown = say("set", "已设置") if value == SET else value
        click.echo(f"  {name}: {shown}" if value else f"  {name}")
    for problem in result["problems"]:
        click.echo(say(f"problem: {problem}", f"问题：{problem}"))
    if not result["problems"]:
        click.echo(say("nothing is broken", "一切正常"))


def _print_packages(result: dict[str, Any]) -> None:
    click.echo(say("packages", "软件包"))
    for package in result["packages"]:
        tested = package["tested"]
        note = (
            say(f" (tested with {tested})", f"（测试版本 {tested}）")
            if tested and tested != (package["version"] or "").split("+")[0]
            else ""
        )
        mark = "" if package["ok"] else say(f"  needs {package['wanted']}", f"  需要 {package['wanted']}")
        click.echo(f"  {package['name']} {package['version'] or '-'}{note}{mark}")
    click.echo(say("optional", "可选"))
    for extra in result["optional"]:
        state = say("installed", "已安装") if not extra["missing"] else f'pip install "belle[{extra["extra"]}]"'
        uses = f" ({', '.join(extra['needed_by'])})" if extra["needed_by"] else ""
        click.echo(f"  {extra['extra']}{uses}: {state}")
