"""More training of the same kind: a run keeps its last state in its result, another one goes on from there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback

from belle_core.config import TrainConfig
from belle_core.errors import BelleError

FOLDER, STATE = "state", "state.ckpt"
BESIDE = "reference-*.npy"
"""What an objective noted of the model as it started, which a trained model cannot tell."""


class Continuation(Callback):
    """Keeps the state of a run in *directory* when ``train.keep_state`` says so.

    *course* is what has to be the same for another run to go on: the data, examples per step, seed, what was started from.
    """

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

    def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        """Raise ``BelleError`` when this run cannot follow that one."""
        earlier, where = checkpoint["course"], f"train.resume_from={self.config.resume_from}"
        if other := [name for name, value in self.course.items() if earlier.get(name) != value]:
            raise BelleError(
                f"{where}: that run had another {other[0]} ({earlier.get(other[0])}, here {self.course[other[0]]}); "
                "to train its model on something else, start from the model",
                f"{where}：那次运行的 {other[0]} 不同（{earlier.get(other[0])}，这里是 {self.course[other[0]]}）；如要在别的数据上训练，请从模型开始",
            )
        if pl_module.done > pl_module.steps.total:
            raise BelleError(
                f"{where}: that run did {pl_module.done} optimizer steps, and this one has {pl_module.steps.total}; raise train.epochs",
                f"{where}：那次运行已做 {pl_module.done} 个优化步，而这次只有 {pl_module.steps.total} 步；请调大 train.epochs",
            )


def state_to_load(config: TrainConfig, own: Path) -> str | None:
    """This run's *own* state if there is one, else the one that ``train.resume_from`` names; raises ``BelleError``."""
    if own.is_file() or config.resume_from is None:
        return str(own) if own.is_file() else None
    kept = Path(config.resume_from).expanduser() / FOLDER
    if not (kept / STATE).is_file():
        raise BelleError(
            f"train.resume_from={config.resume_from}: there is no {FOLDER}/{STATE} in it; name the directory of a result that was "
            "trained with train.keep_state=true",
            f"train.resume_from={config.resume_from}：其中没有 {FOLDER}/{STATE}；请指定用 train.keep_state=true 训练所得结果的目录",
        )
    for path in kept.glob(BESIDE):
        shutil.copyfile(path, own.parent / path.name)
    return str(kept / STATE)
