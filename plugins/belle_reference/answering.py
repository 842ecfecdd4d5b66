"""Lets a model answer all questions, going on where an interrupted evaluation stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from belle_core.generation import Answer, Engine, Sampling
from belle_core.generation.journal import Journal
from belle_core.generation.progress import Progress

Emit = Callable[[str, dict[str, float], int], None]


def answer_all(
    engine: Engine, prompts: list[list[int]], sampling: Sampling, *, batch: int, path: Path, emit: Emit
) -> list[Answer]:
    """Answers in the order of *prompts*; each batch is in the file *path* as soon as it is ready."""
    journal = Journal(path)
    keys = [f"{number} {digest(prompt)}" for number, prompt in enumerate(prompts)]
    known = {key: Answer(**record["answer"]) for key, record in journal.read().items()}
    missing = [number for number, key in enumerate(keys) if key not in known]
    progress = Progress(len(prompts), done=len(prompts) - len(missing))

    def keep(indices: list[int], answers: list[Answer]) -> None:
        new = {keys[missing[index]]: answer for index, answer in zip(indices, answers, strict=True)}
        journal.append({"key": key, "answer": asdict(answer)} for key, answer in new.items())
        known.update(new)
        progress.add(len(new))
        emit("eval", {"answers": progress.done, "answers_per_second": progress.rate}, progress.done)

    engine.complete([prompts[number] for number in missing], sampling, batch=batch, on_batch=keep)
    progress.close()
    return [known[key] for key in keys]


def digest(value: object) -> str:
    """Short hash of plain JSON values."""
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]
