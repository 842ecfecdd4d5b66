"""Answers many prompts and goes on, after an interruption, where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from belle_core.generation.engine import Answer, Engine, Sampling
from belle_core.generation.journal import Journal
from belle_core.generation.progress import Progress


def complete_all(
    engine: Engine,
    prompts: Sequence[list[int]],
    sampling: Sampling,
    *,
    batch: int,
    journal: Path,
    identity: object = "",
    notify: Callable[[Progress], None] = lambda progress: None,
) -> list[Answer]:
    """Answers in the order of *prompts*; each batch is in the file *journal* as soon as it is ready.

    What the file holds already is not asked again, if place, prompt, *sampling* and *identity* (plain JSON values that
    say which model answers) are the same. ``notify`` is called after each batch.
    """
    record = Journal(journal)
    keys = [f"{number} {digest([identity, asdict(sampling), prompt])}" for number, prompt in enumerate(prompts)]
    known = {key: Answer(**entry["answer"]) for key, entry in record.read().items()}
    missing = [number for number, key in enumerate(keys) if key not in known]
    progress = Progress(len(prompts), done=len(prompts) - len(missing))

    def keep(indices: list[int], answers: list[Answer]) -> None:
        new = {keys[missing[index]]: answer for index, answer in zip(indices, answers, strict=True)}
        record.append({"key": key, "answer": asdict(answer)} for key, answer in new.items())
        known.update(new)
        progress.add(len(new))
        notify(progress)

    engine.complete([prompts[number] for number in missing], sampling, batch=batch, on_batch=keep)
    progress.close()
    return [known[key] for key in keys]


def digest(value: object) -> str:
    """Short hash of plain JSON values."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
