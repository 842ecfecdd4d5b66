"""``belle runs show``: a run or an artifact, back to the raw data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from belle_core.api import default_store
from belle_core.artifacts import MANIFEST
from belle_core.commands import records
from belle_core.commands.options import print_json, run_arguments, with_json
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.runs import Run, find_run
from belle_core.store import Store
from belle_core.terminal import visible


@click.command(
    "show",
    help=say("A run or an artifact, with everything it was made from.", "显示一个运行或产物，以及它的全部来源。"),
)
@run_arguments("reference")
@with_json
def show(reference: str, as_json: bool) -> None:
    """``REFERENCE`` is a run's name or the beginning of a fingerprint."""
    store = default_store()
    run = find_run(store.root, reference)
    about: dict[str, Any] = records.overview(run, store) | {"directory": str(run.directory)} if run else {}
    about["lineage"] = [tree(path) for path in (ends(run, store) if run else [locate(store, reference)])]
    if as_json:
        print_json(about)
        return
    if run:
        _print_run(about)
    for node in about["lineage"]:
        _print_tree(node)


def locate(store: Store, key: str) -> Path:
    """The directory of the artifact whose fingerprint begins with *key*, sound or not; raises ``BelleError``."""
    found = [d for d in store.directories() if d.name.startswith(key)] if key else []
    if len(found) == 1:
        return found[0]
    many = ", ".join(f"{d.parent.name}/{d.name}" for d in found[:5])
    raise BelleError(
        f"{key}: several artifacts begin so: {many}"
        if found
        else f"{key}: neither a run nor an artifact in {store.root}; `belle runs` lists them",
        f"{key}：有多个产物以此开头：{many}"
        if found
        else f"{key}：{store.root} 中没有这个运行或产物；用 `belle runs` 查看",
    )


def ends(run: Run, store: Store) -> list[Path]:
    """The artifacts of a run that no other artifact of it was made from."""
    directories = [store.root / step["type"] / step["fingerprint"] for step in run.steps]
    used = {reference for directory in directories for reference in _inputs(_manifest(directory))}
    return [d for d in dict.fromkeys(directories) if f"{d.parent.name}/{d.name}" not in used]


def tree(directory: Path) -> dict[str, Any]:
    """An artifact with its inputs inside it, recursively; one that is gone says so."""
    about: dict[str, Any] = {"type": directory.parent.name, "fingerprint": directory.name, "directory": str(directory)}
    if not (manifest := _manifest(directory)):
        return about | {"missing": True, "inputs": []}
    recipe, provenance = manifest.get("recipe", {}), manifest.get("provenance", {})
    return about | {
        "missing": False,
        "recipe": {
            name: recipe.get(name) for name in ("stage", "version", "config", "shared", "limit") if name in recipe
        },
        "facts": manifest.get("facts", {}),
        "provenance": {name: value for name, value in provenance.items() if name != "inputs"},
        "bytes": sum(file["size"] for file in manifest.get("files", {}).values()),
        "inputs": [tree(directory.parents[1] / reference) for reference in _inputs(manifest)],
    }


def _manifest(directory: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _inputs(manifest: dict[str, Any]) -> list[str]:
    return list(manifest.get("provenance", {}).get("inputs", ()))


def _print_run(about: dict[str, Any]) -> None:
    click.echo(f"{about['name']}  {records.status_text(about['status'])}  {records.local_time(about['started'])}")
    click.echo(f"  belle {' '.join(map(visible, about['overrides']))}")
    for name, value in (
        (say("note", "备注"), about["note"]),
        (say("error", "错误"), about["error"]),
        (say("directory", "目录"), about["directory"]),
    ):
        if value:
            click.echo(f"  {name}: {visible(value)}")
    for step in about["steps"]:
        how = say("from the store", "取自存储") if step["cached"] else f"{step['seconds']:.1f} s"
        gone = "" if step["stored"] else say("; gone from the store", "；已不在存储中")
        click.echo(f"  {step['name']}: {step['title']} {step['type']}/{step['fingerprint']} ({how}{gone})")
    click.echo("")


def _print_tree(node: dict[str, Any], indent: str = "") -> None:
    """One artifact a paragraph, its inputs further in."""
    if node["missing"]:
        click.echo(f"{indent}{node['type']}/{node['fingerprint']}: {say('gone from the store', '已不在存储中')}")
        return
    recipe, provenance = node["recipe"], node["provenance"]
    click.echo(f"{indent}{node['type']}/{node['fingerprint']}  {recipe.get('stage', '')}")
    facts = {name: value for name, value in node["facts"].items() if value not in ({}, [], "", None)}
    limit = {"limit": recipe["limit"]} if "limit" in recipe else {}
    lines = [
        (say("config", "配置"), _flat((recipe.get("config") or {}) | limit)),
        *((name, _flat(section)) for name, section in (recipe.get("shared") or {}).items()),
        (say("facts", "结果"), _flat(facts)),
        (say("files", "文件"), ", ".join(provenance.get("files", ()))),
        (say("licences", "许可证"), ", ".join(provenance.get("licences", ()))),
        (say("made", "生成"), _made(provenance)),
        (say("versions", "版本"), _flat(provenance.get("versions", {}))),
    ]
    for name, text in lines:
        if text:
            click.echo(f"{indent}  {name}: {visible(text)}")
    for number, source in enumerate(node["inputs"]):
        click.echo(f"{indent}  {'└' if number == len(node['inputs']) - 1 else '├'} {say('from', '来自')}")
        _print_tree(source, indent + "    ")


def _made(provenance: dict[str, Any]) -> str:
    machine = provenance.get("machine", {})
    when, seconds = records.local_time(provenance.get("started", "")), provenance.get("seconds", 0)
    return f"{when}, {seconds} s, {machine.get('system', '')}, Python {machine.get('python', '')}"


def _flat(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{name}={json.dumps(item, ensure_ascii=False)}" for name, item in value.items())
