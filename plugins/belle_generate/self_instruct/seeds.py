"""The seed tasks: those of a file, or the ones written for belle."""

from __future__ import annotations

import json
from pathlib import Path

from belle_core.data.asking import lines_of
from belle_core.errors import BelleError
from belle_generate.self_instruct.config import SHOWN
from belle_generate.self_instruct.form import Task

OWN = Path(__file__).parent / "seeds.jsonl"


def read_seeds(path: str | None) -> list[Task]:
    """All seed tasks; raises ``BelleError`` with file and line for what is none, and when there are too few."""
    place = Path(path).expanduser() if path else OWN
    tasks = [_task(line, f"{place}:{number}") for number, line in lines_of(place)]
    if len(tasks) < SHOWN:
        raise BelleError(
            f"{place} holds {len(tasks)} tasks; a request shows {SHOWN}",
            f"{place} 只有 {len(tasks)} 个任务；每次请求要展示 {SHOWN} 个",
        )
    return tasks


def _task(line: str, where: str) -> Task:
    try:
        record = json.loads(line)
        task = Task(
            record["instruction"].strip(),
            record.get("input", "").strip(),
            record["output"].strip(),
            record.get("category", ""),
        )
        if not task.instruction or not task.output:
            raise ValueError("instruction or output is empty")
        return task
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BelleError(
            f"{where}: no seed task ({type(error).__name__}: {error}); a line is an object with instruction, input and output",
            f"{where}：不是种子任务（{type(error).__name__}：{error}）；每行应是含 instruction、input、output 的对象",
        ) from error
