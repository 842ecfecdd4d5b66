"""More training of the same kind: a run keeps its last state in its result, another one goes on from there."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback

from belle_core.artifacts import Examples
from belle_core.config import TrainConfig
from belle_core.errors import BelleError
from belle_core.stages import StageContext
from belle_core.training.loading import Loaded
from belle_core.training.resuming import readable

FOLDER, STATE = "state", "state.ckpt"
BESIDE = "reference-*.npy"
"""What an objective noted of the model as it started, which a trained model cannot tell."""


def course_of(config: TrainConfig, loaded: Loaded, context: StageContext) -> dict[str, Any]:
    """What has to be the same for another run to go on: what is learned, from what, and all that a state has a shape from.

    The schedule, the averages and the like may change; a method's own options (LoRA's rank) and the optimizer's may not.
    """
    common = {field.name for field in fields(TrainConfig)}
    own = {field.name: getattr(config, field.name) for field in fields(config) if field.name not in common}
    return {
        "data": context.input(Examples).fingerprint,
        "batch": config.batch,
        "seed": context.shared["seed"],
        "start": loaded.origin,
        "max_length": config.max_length,
        "method": type(config).__name__,
        **own,
        "objective": type(config.objective).__name__,
        "optimizer": type(config.optimizer).__name__,
        **(vars(config.optimizer) if config.optimizer is not None else {}),
    }


class Continuation(Callback):
    """Keeps the state of a run in *directory* when ``train.keep_state`` says so, with its *course*."""

    def __init__(self, config: TrainConfig, course: dict[str, Any], directory: Path, scratch: Path) -> None:
        self.config, self.course, self.directory, self.scratch = config, course, directory, scratch

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """The state after the last step, all processes together."""
        if self.config.keep_state:
            (self.directory / FOLDER).mkdir(exist_ok=True)
            trainer.save_checkpoint(self.directory / FOLDER / STATE)
            if pl_module.global_rank == 0:
                for path in self.scratch.glob(BESIDE):
                    shutil.copyfile(path, self.directory / FOLDER / path.name)

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """The course goes along."""
        checkpoint["course"] = self.course

    def check(self, path: Path, total: int) -> None:
        """Raise ``BelleError`` when this run of *total* optimizer steps cannot follow the one that left its state at *path*."""
        with readable(path):
            state = torch.load(path, mmap=True, map_location="cpu", weights_only=True)
        earlier, where = state["course"], f"train.resume_from={self.config.resume_from}"
        names = [*self.course, *earlier]
        if other := [name for name in names if earlier.get(name) != self.course.get(name)]:
            name = other[0]
            raise BelleError(
                f"{where}: that run had another {name} ({earlier.get(name)}, here {self.course.get(name)}); "
                "to train its model on something else, start from the model",
                f"{where}：那次运行的 {name} 不同（{earlier.get(name)}，这里是 {self.course.get(name)}）；如要在别的数据上训练，请从模型开始",
            )
        if (done := state["run"]["done"]) > total:
            raise BelleError(
                f"{where}: that run did {done} optimizer steps, and this one has {total}; raise train.epochs",
                f"{where}：那次运行已做 {done} 个优化步，而这次只有 {total} 步；请调大 train.epochs",
            )


def state_to_load(continuation: Continuation | None, own: Path, total: int) -> str | None:
    """This run's *own* state if there is one, else the one that ``train.resume_from`` names; raises ``BelleError``."""
    if own.is_file():
        return str(own)
    if continuation is None or (earlier := continuation.config.resume_from) is None:
        return None
    kept = Path(earlier).expanduser() / FOLDER
    if not (kept / STATE).is_file():
        raise BelleError(
            f"train.resume_from={earlier}: there is no {FOLDER}/{STATE} in it; name the directory of a result that was "
            "trained with train.keep_state=true",
            f"train.resume_from={earlier}：其中没有 {FOLDER}/{STATE}；请指定用 train.keep_state=true 训练所得结果的目录",
        )
    continuation.check(kept / STATE, total)
    for path in kept.glob(BESIDE):
        shutil.copyfile(path, own.parent / path.name)
    return str(kept / STATE)
