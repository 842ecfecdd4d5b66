"""Trains the tiny model in several processes, from a process that a test can kill.

usage: together.py DIRECTORY METHOD JSON    (options of TrainConfig and TrainerConfig: {"train": …, "trainer": …})
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from belle_full.config import FullConfig
from belle_lora.config import LoraConfig, QloraConfig
from belle_objectives.config import SftConfig
from tiny_training import training_context

from belle_core.errors import BelleError
from belle_core.plugins import load_catalog
from belle_core.processes import carry_out
from belle_core.strategies import processes_of

CONFIGS: dict[str, Any] = {"full": FullConfig, "lora": LoraConfig, "qlora": QloraConfig}
UNEVEN = {"epochs": 2, "batch": 59, "learning_rate": 1e-3}
"""60 examples: every second step has a single one, so that one of two processes has nothing to learn from."""


def train(
    directory: Path,
    method: str,
    *,
    train: dict[str, Any] | None = None,
    objective: Any = None,
    rejected: int = 0,
    emit: Any = None,
    **trainer: Any,
) -> tuple[Any, list[Any]]:
    """The artifact, and what was reported, which *emit* gets as it comes."""
    said: list[Any] = []
    settings = {"log_every": 1, **trainer}
    context = training_context(
        directory, emit=emit or (lambda *about: said.append(about)), rejected=rejected, **settings
    )
    config = CONFIGS[method](objective=objective or SftConfig(), **(UNEVEN if train is None else train))
    stage = load_catalog().stages["train", method]
    if processes_of(context.shared["trainer"]) > 1:
        return carry_out(stage, config, context), said
    return stage.load()(config, context), said


def main(directory: Path, method: str, options: dict[str, Any]) -> None:
    try:
        train(directory, method, train=options["train"], **options["trainer"])
    except BelleError as error:
        print(f"belle: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
