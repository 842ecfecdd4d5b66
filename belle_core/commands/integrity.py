"""``belle runs check``: reads every file of the store and compares it with its checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click

from belle_core.api import default_store
from belle_core.commands.options import print_json, with_json
from belle_core.console import size_text
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.runs import read_runs
from belle_core.store import Store


@click.command("check", help=say("Compare every file in the store with its checksum.", "逐个核对存储中文件的校验和。"))
@with_json
def check(as_json: bool) -> None:
    """Exits with 1 when something is damaged."""
    result = check_store(default_store())
    if as_json:
        print_json(result)
    else:
        _print(result)
    if result["damaged"]:
        raise SystemExit(1)


def check_store(store: Store) -> dict[str, Any]:
    """Counts, damaged files and steps whose artifact is gone. Nothing remembered is trusted: all bytes are read."""
    damaged: list[dict[str, str]] = []
    count = size = 0
    for directory in store.directories():
        count += 1
        try:
            files = (store.manifest(directory) or {"files": {}})["files"]
        except BelleError:
            damaged.append(_entry(directory, "artifact.json", "manifest"))
            continue
        for name, about in files.items():
            size += about["size"]
            if reason := _wrong(directory / name, about):
                damaged.append(_entry(directory, name, reason))
    missing = [
        {"run": run.name, "step": step["name"], "type": step["type"], "fingerprint": step["fingerprint"]}
        for run in read_runs(store.root)
        for step in run.steps
        if not (store.root / step["type"] / step["fingerprint"]).is_dir()
    ]
    return {"store": str(store.root), "artifacts": count, "bytes": size, "damaged": damaged, "missing": missing}


def _wrong(path: Path, about: dict[str, Any]) -> str:
    """``missing``, ``size``, ``checksum``, ``unreadable``, or an empty string for a sound file."""
    if not path.is_file():
        return "missing"
    try:
        if path.stat().st_size != about["size"]:
            return "size"
        with path.open("rb") as file:
            return "" if hashlib.file_digest(file, "sha256").hexdigest() == about["sha256"] else "checksum"
    except OSError:
        return "unreadable"


def _entry(directory: Path, name: str, reason: str) -> dict[str, str]:
    return {"type": directory.parent.name, "fingerprint": directory.name, "file": name, "reason": reason}


REASONS = {
    "manifest": ("the manifest cannot be read", "清单无法读取"),
    "missing": ("is missing", "缺失"),
    "size": ("has another size", "大小不符"),
    "checksum": ("has other bytes", "内容不符"),
    "unreadable": ("cannot be read", "无法读取"),
}


def _print(result: dict[str, Any]) -> None:
    for entry in result["damaged"]:
        where, why = f"{entry['type']}/{entry['fingerprint']}/{entry['file']}", say(*REASONS[entry["reason"]])
        click.echo(say(f"damaged: {where} {why}; `belle runs remove {entry['fingerprint']}` lets the next run make it again",
                       f"已损坏：{where} {why}；执行 `belle runs remove {entry['fingerprint']}` 后下次运行会重新生成"))  # fmt: skip
    for entry in result["missing"]:
        where = f"{entry['run']}/{entry['step']} ({entry['type']}/{entry['fingerprint']})"
        click.echo(say(f"gone: {where}", f"已不在存储中：{where}"))
    total, broken = size_text(result["bytes"]), len({entry["fingerprint"] for entry in result["damaged"]})
    click.echo(
        say(
            f"{result['artifacts']} artifacts, {total}: {broken} damaged",
            f"{result['artifacts']} 个产物，{total}：{broken} 个损坏",
        )
    )
