"""Runs a training that is killed at a chosen moment and repeated, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import traceback
from pathlib import Path
from typing import Any

import belle_lora.adapters  # noqa: F401  imported once, before the processes part
import torch
from belle_full.config import FullConfig
from belle_full.stage import train as train_full
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_objectives.config import DpoConfig, SftConfig
from belle_objectives.dpo import Dpo
from belle_objectives.sft import Sft
from belle_optimizers.config import Adamw8bitConfig
from belle_rl.config import GrpoConfig
from belle_rl.policy import Policy
from tiny_training import tokenizer_files, training_context

from belle_core.training import resuming

REWARDED = GrpoConfig(rewards={"length": 1.0}, max_new_tokens=6, group=2)
METHODS: dict[str, Any] = {
    "dpo": (train_full, FullConfig(objective=DpoConfig(), epochs=1, batch=8, max_length=64, learning_rate=3e-3)),
    "grpo": (train_lora, LoraConfig(objective=REWARDED, epochs=1, batch=8, max_length=64, dropout=0.1)),
    "full": (train_full, FullConfig(objective=SftConfig(), epochs=2, batch=8, max_length=64, learning_rate=3e-3)),
    "all": (
        train_full,
        FullConfig(
            objective=SftConfig(),
            optimizer=Adamw8bitConfig(),
            epochs=2,
            batch=8,
            max_length=64,
            learning_rate=3e-3,
            neftune=5,
            ema=0.8,
            looks=8,
            keep="best",
        ),
    ),
    "lora": (
        train_lora,
        LoraConfig(objective=SftConfig(), epochs=2, batch=8, max_length=64, learning_rate=3e-3, rank=4, dropout=0.2),
    ),
}


def die_at(moment: str) -> float:
    """Arrange for a signal at *moment*; returns the seconds between saved states."""
    where, _, count = moment.partition(":")
    left = int(count)
    number = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM}.get(where, signal.SIGKILL)

    def countdown() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)

    if where == "saving":
        save = torch.save

        def half(state: Any, file: Any) -> None:
            save(state, file)
            file.truncate(file.tell() // 2)
            file.flush()
            countdown()
            file.seek(0)
            save(state, file)

        resuming.torch.save = half
    elif where == "renaming":
        replace = os.replace
        resuming.os.replace = lambda *paths: (countdown(), replace(*paths))
    else:  # in the forward pass number count, within an optimizer step
        for kind in (Sft, Dpo, Policy):
            loss = kind.loss
            kind.loss = lambda self, model, batch, loss=loss: (countdown(), loss(self, model, batch))[1]
    return 1e9 if where in ("interrupt", "terminate") else 0.0


def train(directory: Path, method: str, moment: str | None) -> None:
    """One run; a second run in the same directory goes on."""
    torch.set_num_threads(1)
    seconds = die_at(moment) if moment else 1e9
    steps: list[int] = []
    context = training_context(
        directory,
        batch=1,  # packs of 64 tokens: an optimizer step has several
        checkpoint_seconds=seconds,
        log_every=1,
        rejected=int(method == "dpo"),
        emit=lambda stream, _, step: steps.append(step) if stream == "train" else None,
    )
    run, config = METHODS[method]
    run(config, context)
    (directory / "steps.json").write_text(json.dumps(steps))


def in_process(directory: Path, method: str, moment: str | None) -> int:
    """Exit status of a forked run, negative for the signal that ended it, 130 and 143 for SIGINT and SIGTERM."""
    if (process := os.fork()) == 0:
        try:
            train(directory, method, moment)
        except KeyboardInterrupt:
            os._exit(130)
        except SystemExit as end:
            os._exit(int(end.code or 0))
        except BaseException:  # must not go on as a second copy of whoever called
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def killed_and_repeated(folder: Path, method: str, moments: list[str]) -> dict[str | None, dict[str, Any]]:
    """How a run without disturbance (``None``) and those killed at *moments* (``<where>:<count>``) ended, and where they lie."""
    tokenizer_files()
    results: dict[str | None, dict[str, Any]] = {}
    for moment in [None, *moments]:
        directory = folder / "Model" / f"{method}-{moment}".replace(":", "-")
        killed = in_process(directory, method, moment)
        again = in_process(directory, method, None) if moment else killed
        results[moment] = {"killed": killed, "again": again, "directory": directory}
    return results
