"""Trains a model on examples: the one loop of all methods and objectives."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from belle_core.artifacts import Examples
from belle_core.config import AUTO, TrainConfig, TrainerConfig
from belle_core.data import read_examples
from belle_core.errors import BelleError, in_one_line
from belle_core.stages import StageContext
from belle_core.strategies import check_shares, check_trainer
from belle_core.training.batches import Passes, Steps
from belle_core.training.companions import Companions
from belle_core.training.continuing import STATE, state_to_load
from belle_core.training.examples import EncodedExamples, encode_examples
from belle_core.training.fast import faster
from belle_core.training.fast.memory import keep_memory
from belle_core.training.loading import Loaded
from belle_core.training.module import InstructionModule
from belle_core.training.objective import Objective, build_objective
from belle_core.training.packing import packing
from belle_core.training.precision import precision_of
from belle_core.training.preparing import prepare
from belle_core.training.progress import Progress
from belle_core.training.quiet import quiet
from belle_core.training.resuming import AtomicCheckpoints, SavesState
from belle_core.training.sharing import sharing_of
from belle_core.training.sharing.alone import Alone
from belle_core.training.sizing import batch_of
from belle_core.training.start import Start

LEAN: dict[str, Any] = {
    "max_epochs": 1,  # one pass over all optimizer steps of the run
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}
"""What Lightning leaves to this package."""


def fit(model: Any, loaded: Loaded, config: TrainConfig, context: StageContext) -> dict[str, float]:
    """Train *model* (``loaded.model`` or a wrapper around it) in place; returns the run's figures.

    Reads the ``train`` and ``dev`` splits of the Examples input, leaves ``curve.jsonl`` and ``loss.svg`` in the artifact,
    and goes on from the state in the scratch folder if there is one. Losses are in nats per label token for SFT.
    Raises ``BelleError`` for what the user can fix, ``KeyboardInterrupt`` or ``SystemExit`` when told to stop.
    """
    settings: TrainerConfig = context.shared["trainer"]
    check_trainer(settings)
    sharing = sharing_of(settings, context.rank, clip=config.clip)
    objective = build_objective(config.objective)
    began = time.monotonic()
    train, dev = (_encoded(split, loaded, objective, config, context) for split in ("train", "dev"))
    assert train is not None
    check_shares(min(config.batch, len(train)), settings)
    keep_memory()
    with (
        packing(model, config.max_length, wanted=settings.packing, agreed=sharing.agreed) as packed,
        faster(model, wanted=settings.fast, processes=sharing.ranks),  # after packing, which tries the model on the CPU
    ):
        size = batch_of(settings, model, loaded.dtype, config, objective, train, context.shared["seed"], packed)
        if settings.batch == AUTO and context.rank == 0:
            print(f"      trainer.batch={size} (auto)", flush=True)
        passes = Passes(size, size * config.max_length if packed else None, sharing.rank, sharing.ranks)
        steps = Steps(train, batch=config.batch, passes=passes, epochs=config.epochs, seed=context.shared["seed"])
        module = InstructionModule(model, objective, config, steps, dev, context.directory / "scratch", sharing)
        module.halves = settings.batch == AUTO and sharing.ranks == 1
        objective.total, objective.independent = sharing.total, partial(sharing.independent, model)
        objective.begin(model, Start(loaded, context, train, dev, passes))
        companions = Companions(module, loaded, settings, context)
        _run(module, settings, precision_of(settings.precision, loaded.dtype), context, companions)
        with quiet():
            companions.settle()
            objective.end(model)
            sharing.gather(model)
        if context.rank == 0:
            companions.finish(context.directory)
            module.curve.write(context.directory)
    return _figures(module, train, time.monotonic() - began) | companions.figures


def _encoded(
    split: str, loaded: Loaded, objective: Objective, config: TrainConfig, context: StageContext
) -> EncodedExamples | None:
    examples = context.input(Examples)
    if split == "dev" and not examples.splits.get("dev"):
        return None
    length = min(config.max_length, loaded.context_length or config.max_length)
    found, most = read_examples(examples, split), length < config.max_length
    return encode_examples(found, loaded.encoder, objective, max_length=length, split=split, most=most)


def _run(
    module: InstructionModule, settings: TrainerConfig, precision: str, context: StageContext, companions: Companions
) -> None:
    state = SavesState(context.directory / "scratch" / STATE, settings.checkpoint_seconds, module.sharing)
    torch.manual_seed(context.shared["seed"])
    prepare(module.model, settings, precision)
    computed = "float32" if precision == "32-true" else "bfloat16"
    with quiet(), _memory_errors(settings):
        progress = [Progress(context.emit, settings.log_every, computed)] if context.rank == 0 else []
        callbacks = [*companions.callbacks, *progress, state]
        trainer = _trainer(settings, precision, callbacks, context.scratch, module.sharing)
        path = state_to_load(companions.continuation, state.path, module.steps.total)
        try:
            trainer.fit(module, train_dataloaders=module.steps, ckpt_path=path, weights_only=True)
        except SystemExit as end:
            if end.code == 1:  # what Lightning makes of it
                raise KeyboardInterrupt from end
            raise
    if state.stopped_by == signal.SIGINT:
        raise KeyboardInterrupt
    if state.stopped_by is not None:
        raise SystemExit(128 + state.stopped_by)


def _trainer(settings: TrainerConfig, precision: str, callbacks: list[Any], scratch: Path, sharing: Alone) -> Trainer:
    chosen = sharing.options(precision)
    plugins = [AtomicCheckpoints(), *chosen.pop("plugins", ())]
    options: dict[str, Any] = {
        "accelerator": settings.accelerator,
        "devices": settings.devices,
        "num_nodes": settings.nodes,
        **chosen,
    }
    try:
        return Trainer(**options, **LEAN, callbacks=callbacks, plugins=plugins, default_root_dir=scratch)
    except (MisconfigurationException, ValueError, ModuleNotFoundError) as error:
        wanted = " ".join(
            f"trainer.{name}={getattr(settings, name)}" for name in ("accelerator", "devices", "strategy")
        )
        why = in_one_line(error)
        raise BelleError(f"{wanted}: {why}", f"{wanted}：{why}") from error


@contextmanager
def _memory_errors(settings: TrainerConfig) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # PyTorch has no kind of its own for main memory
        if not (isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)):
            raise
        raise BelleError(
            f"the device has too little memory: lower trainer.batch (now {settings.batch}) or train.max_length, or say trainer.gradient_checkpointing=true",
            f"设备内存不足：请调小 trainer.batch（现为 {settings.batch}）或 train.max_length，或设置 trainer.gradient_checkpointing=true",
        ) from error


def _figures(module: InstructionModule, train: EncodedExamples, seconds: float) -> dict[str, float]:
    """What the artifact states about the run."""
    figures = {"train_loss": module.curve.train_loss(max(1, module.steps.total // 10))}
    if module.curve.dev:
        figures["dev_loss"] = module.curve.dev[-1].dev or 0.0
        figures |= {f"dev_{name}": value for name, value in module.curve.dev[-1].dev_figures.items()}
    counts = {"truncated": train.truncated, "dropped": train.dropped}
    return figures | {"tokens": module.tokens, "seconds": round(seconds, 1)} | {k: v for k, v in counts.items() if v}
