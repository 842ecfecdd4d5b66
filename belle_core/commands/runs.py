"""``belle runs``: what was run, what it gave, and what lies in the store."""

from __future__ import annotations

from typing import Any

import click

from belle_core.api import default_store
from belle_core.commands import records
from belle_core.commands.collection import gc, remove
from belle_core.commands.compare import compare
from belle_core.commands.integrity import check
from belle_core.commands.options import print_json, run_arguments, with_json
from belle_core.commands.show import show
from belle_core.console import print_table
from belle_core.language import say
from belle_core.runs import read_runs
from belle_core.terminal import visible


@click.group(
    "runs",
    invoke_without_command=True,
    help=say("Runs and artifacts; without a subcommand: the list.", "运行与产物；不带子命令时列出全部。"),
)
@with_json
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """The table of runs, newest last."""
    if context.invoked_subcommand is None:
        list_runs(as_json)


for subcommand in (show, compare, check, remove, gc):
    command.add_command(subcommand)


def list_runs(as_json: bool) -> None:
    """Every recorded run of the store."""
    store = default_store()
    found = sorted((records.overview(run, store) for run in read_runs(store.root)), key=lambda about: about["started"])
    if as_json:
        print_json({"store": str(store.root), "runs": found})
        return
    if not found:
        click.echo(
            say(
                f"no run in {store.root} yet; BELLE_STORE names another store",
                f"{store.root} 中还没有运行；可用 BELLE_STORE 指定其他存储",
            )
        )
        return
    headings = [
        say("run", "运行"),
        say("started", "开始于"),
        say("status", "状态"),
        say("steps", "步骤"),
        say("result", "结果"),
        say("note", "备注"),
    ]
    print_table(headings, [_row(about) for about in found])


def _row(about: dict[str, Any]) -> list[str]:
    pin = " ★" if about["pinned"] else ""
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in about["metrics"].items())
    steps = " → ".join(step["title"].split("=")[-1] for step in about["steps"])
    return [
        about["name"] + pin,
        records.local_time(about["started"]),
        records.status_text(about["status"]),
        steps,
        metrics or "-",
        visible(about["note"]),
    ]


@command.command(
    "pin", help=say("Keep the artifacts of these runs whatever `gc` does.", "无论 `gc` 如何清理都保留这些运行的产物。")
)
@run_arguments(nargs=-1, required=True)
def pin(names: tuple[str, ...]) -> None:
    """Marks runs."""
    for run in [records.require(name) for name in names]:
        (run.directory / "pinned").touch()
        click.echo(say(f"{run.name} is pinned", f"已固定 {run.name}"))


@command.command("unpin", help=say("Take `pin` back.", "取消固定。"))
@run_arguments(nargs=-1, required=True)
def unpin(names: tuple[str, ...]) -> None:
    """Takes the mark away."""
    for run in [records.require(name) for name in names]:
        (run.directory / "pinned").unlink(missing_ok=True)
        click.echo(say(f"{run.name} is no longer pinned", f"已取消固定 {run.name}"))


@command.command("rename", help=say("Give a run another name.", "重命名一个运行。"))
@run_arguments("name")
@click.argument("new")
def rename(name: str, new: str) -> None:
    """Renames the folder of a run; its links stay right because they are relative."""
    run = records.rename(records.require(name), new)
    click.echo(say(f"{name} is now {run.name}", f"{name} 已改名为 {run.name}"))


@command.command("note", help=say("Write a note to a run; an empty one removes it.", "给运行写备注；留空则删除。"))
@run_arguments("name")
@click.argument("text", nargs=-1)
def note(name: str, text: tuple[str, ...]) -> None:
    """Keeps free text with a run."""
    records.change(records.require(name), note=" ".join(text))
    click.echo(say(f"noted for {name}", f"已为 {name} 写入备注"))
