"""``belle runs remove`` and ``belle runs gc``: frees the store, never touching what is in use."""

from __future__ import annotations

import os
import shutil
import time
from calendar import timegm
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from filelock import FileLock, Timeout

from belle_core.api import default_store
from belle_core.artifacts import TYPES
from belle_core.commands.options import Finite, confirmed, print_json, run_arguments, with_json, with_yes
from belle_core.commands.show import locate
from belle_core.console import size_text
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.lineage import ancestors
from belle_core.runs import Run, find_run, read_runs
from belle_core.store import Store

DAY = 86400.0


@click.command(
    "remove",
    help=say(
        "Remove an artifact, or a run with the artifacts that only it uses.",
        "删除一个产物，或一个运行及仅由它使用的产物。",
    ),
)
@run_arguments("reference")
@with_yes
@with_json
def remove(reference: str, yes: bool, as_json: bool) -> None:
    """``REFERENCE`` is a run's name or the beginning of a fingerprint."""
    store = default_store()
    run = find_run(store.root, reference)
    if run is None:
        directory = locate(store, reference)
        _refuse_pinned(directory, store)
        _finish(store, [directory], yes, as_json)
        return
    if run.pinned:
        raise BelleError(
            f"{run.name} is pinned; `belle runs unpin {run.name}` first",
            f"{run.name} 已固定；请先执行 `belle runs unpin {run.name}`",
        )
    others = needed(store, [other for other in read_runs(store.root) if other.name != run.name])
    _finish(store, sorted(needed(store, [run]) - others), yes, as_json, run)


@click.command(
    "gc",
    help=say(
        "Remove artifacts that no run refers to, and what interrupted runs left.",
        "删除没有运行引用的产物和中断留下的残余。",
    ),
)
@click.option("--keep-days", type=Finite(min=0), help=say(
    "Runs that ended longer ago than this no longer protect their artifacts, unless pinned; their records stay.",
    "结束时间早于此天数的运行不再保护其产物（已固定的除外）；运行记录保留。"))  # fmt: skip
@with_yes
@with_json
def gc(keep_days: float | None, yes: bool, as_json: bool) -> None:
    """Shows what and how much, then asks."""
    store = default_store()
    _finish(store, garbage(store, keep_days), yes, as_json)


def garbage(store: Store, keep_days: float | None = None) -> list[Path]:
    """Finished artifacts that no protecting run needs, and partial ones."""
    runs = [run for run in read_runs(store.root) if run.pinned or keep_days is None or _age(run) <= keep_days * DAY]
    keep = needed(store, runs)
    partial = [path for kind in TYPES for path in sorted((store.root / kind).glob("*.partial"))]
    return [d for d in store.directories() if d not in keep] + partial


def needed(store: Store, runs: Iterable[Run]) -> set[Path]:
    """The artifacts of *runs*, all that these were made from, and those whose files they read."""
    pending = [store.root / step["type"] / step["fingerprint"] for run in runs for step in run.steps]
    found: set[Path] = set()
    while pending:
        directory = pending.pop()
        if directory in found or not directory.is_dir():
            continue
        found.add(directory)
        try:
            manifests = list(ancestors(directory))
        except (ValueError, KeyError):
            continue  # damaged: what it came from cannot be told
        for manifest in manifests:
            provenance = manifest.get("provenance", {})
            pending += [store.root / reference for reference in provenance.get("inputs", ())]
            pending += _inside(store, provenance.get("files", ()))
    return found


def _inside(store: Store, files: Iterable[str]) -> list[Path]:
    """Artifacts of this store among input files, as with ``model.checkpoint=<artifact's directory>``."""
    parts = [
        Path(name).resolve().relative_to(store.root).parts
        for name in files
        if Path(name).resolve().is_relative_to(store.root)
    ]
    return [store.root / part[0] / part[1] for part in parts if len(part) > 2 and part[0] in TYPES]


def locked(directory: Path) -> bool:
    """Whether another process is making this artifact right now."""
    path = _lock_path(directory)
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def remove_unlocked(store: Store, directory: Path) -> int | None:
    """Bytes freed, ``None`` when another process holds the artifact."""
    lock = FileLock(_lock_path(directory))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    try:
        if os.name == "nt":
            lock.release()  # Windows does not delete a lock file that is held
        return store.remove(directory)
    finally:
        lock.release()


def _lock_path(directory: Path) -> Path:
    return directory.with_name(f"{directory.name.removesuffix('.partial')}.lock")


def _finish(store: Store, directories: list[Path], yes: bool, as_json: bool, run: Run | None = None) -> None:
    """Tell, ask, remove."""
    busy = [d for d in directories if locked(d)]
    doomed = [d for d in directories if d not in busy]
    total = sum(_size(d) for d in doomed)
    _announce(doomed, busy, total, run)
    if not doomed and not run:
        result: dict[str, Any] = {"removed": [], "bytes": 0}
    elif confirmed(say("remove them?", "确定删除吗？"), yes):
        result = _remove_all(store, doomed)
        if run:
            shutil.rmtree(run.directory)
    else:
        raise BelleError(
            "nothing was removed; say --yes to go on without a question",
            "没有删除任何内容；加 --yes 可不经询问直接删除",
        )
    if as_json:
        print_json(result | {"locked": [_name(d) for d in busy], "run": run.name if run else None})
    else:
        freed = size_text(result["bytes"])
        click.echo(
            say(
                f"removed {len(result['removed'])} artifacts, {freed} freed",
                f"已删除 {len(result['removed'])} 个产物，释放 {freed}",
            )
        )


def _remove_all(store: Store, directories: list[Path]) -> dict[str, Any]:
    freed = {_name(d): remove_unlocked(store, d) for d in directories}
    store.digests.prune()
    return {
        "removed": [name for name, size in freed.items() if size is not None],
        "bytes": sum(size or 0 for size in freed.values()),
    }


def _announce(doomed: list[Path], busy: list[Path], total: int, run: Run | None) -> None:
    """On the error stream, so that standard output stays clean."""
    if run:
        click.echo(say(f"record of run {run.name}", f"运行 {run.name} 的记录"), err=True)
    for directory in doomed:
        click.echo(f"{_name(directory)}  {size_text(_size(directory))}", err=True)
    for directory in busy:
        click.echo(
            say(
                f"{_name(directory)}: in use by another process, left alone",
                f"{_name(directory)}：其他进程正在使用，跳过",
            ),
            err=True,
        )
    click.echo(
        say(f"{len(doomed)} artifacts, {size_text(total)}", f"{len(doomed)} 个产物，{size_text(total)}"), err=True
    )


def _refuse_pinned(directory: Path, store: Store) -> None:
    for run in read_runs(store.root):
        if run.pinned and directory in needed(store, [run]):
            raise BelleError(
                f"{_name(directory)} belongs to the pinned run {run.name}; `belle runs unpin {run.name}` first",
                f"{_name(directory)} 属于已固定的运行 {run.name}；请先执行 `belle runs unpin {run.name}`",
            )


def _name(directory: Path) -> str:
    return f"{directory.parent.name}/{directory.name}"


def _size(directory: Path) -> int:
    return sum(p.stat().st_size for p in directory.rglob("*") if p.is_file())


def _age(run: Run) -> float:
    """Seconds since the run ended, or began when its end is not known."""
    stamp = run.about.get("finished") or run.about.get("started") or ""
    try:
        return time.time() - timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return 0.0
