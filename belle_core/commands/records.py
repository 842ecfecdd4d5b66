"""Reads and changes what the store holds about runs."""

from __future__ import annotations

import json
import os
import time
from calendar import timegm
from typing import Any

from belle_core.api import default_store
from belle_core.artifacts import MANIFEST
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.names import unknown
from belle_core.runs import Run, check_name, find_run, read_runs
from belle_core.smallfiles import write_text
from belle_core.store import Store

STATES = {"running": ("running or killed", "运行中或被终止"), "done": ("done", "完成"), "failed": ("failed", "失败")}
LOSS = "dev_loss"


def require(name: str) -> Run:
    """The run of that name; raises ``BelleError`` with the nearest right one."""
    root = default_store().root
    if (run := find_run(root, name)) is None:
        raise unknown("run", name, [run.name for run in read_runs(root)], typed=name)
    return run


def change(run: Run, **values: Any) -> None:
    """Write *values* into the record of *run*."""
    write_text(run.directory / "run.json", json.dumps(run.about | values, indent=1, ensure_ascii=False))


def rename(run: Run, new: str) -> Run:
    """The run under its new name; raises ``BelleError`` when that is taken or the run is not finished."""
    target = run.directory.with_name(check_name(new))
    if target.exists():
        raise BelleError(f"{new}: a run of that name exists", f"{new}：已有同名的运行")
    if run.about.get("status") == "running":
        raise BelleError(
            f"{run.name} is still running, or was killed; let its command finish first",
            f"{run.name} 仍在运行或已被终止；请先让它的命令执行完",
        )
    change(run, name=new)
    os.rename(run.directory, target)
    found = find_run(run.directory.parents[1], new)
    assert found is not None
    return found


def facts_of(store: Store, step: dict[str, Any]) -> dict[str, Any]:
    """The facts of a step's artifact, empty when it is gone from the store."""
    return facts_at(store, step["type"], step["fingerprint"])


def facts_at(store: Store, kind: str, key: str) -> dict[str, Any]:
    """The facts of an artifact, empty when it is gone or damaged."""
    try:
        facts = json.loads((store.root / kind / key / MANIFEST).read_text(encoding="utf-8")).get("facts", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return facts if isinstance(facts, dict) else {}


def overview(run: Run, store: Store) -> dict[str, Any]:
    """What the list of runs says about one."""
    about = run.about
    return {
        "name": run.name,
        "started": about.get("started", ""),
        "finished": about.get("finished", ""),
        "status": about.get("status", ""),
        "error": about.get("error", ""),
        "overrides": about.get("overrides", []),
        "steps": [step | {"stored": (store.root / step["type"] / step["fingerprint"]).is_dir()} for step in run.steps],
        "metrics": key_metrics(run, store),
        "note": about.get("note", ""),
        "pinned": run.pinned,
    }


def key_metrics(run: Run, store: Store) -> dict[str, float]:
    """The last evaluation's first score and the last model's loss."""
    found: dict[str, float] = {}
    for step in run.steps:
        facts = facts_of(store, step)
        scores, metrics = facts.get("scores") or {}, facts.get("metrics") or {}
        found |= dict(list(scores.items())[:1])
        found |= {LOSS: metrics[LOSS]} if LOSS in metrics else {}
    return found


def local_time(stamp: str) -> str:
    """``2026-11-22T21:34:45Z`` on the user's clock, to the minute; what cannot be read stays."""
    try:
        seconds = timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return stamp
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def status_text(status: str) -> str:
    """The status for people."""
    return say(*STATES.get(status, (status, status)))
