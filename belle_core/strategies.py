"""How several devices can share a training run: the names of ``trainer.strategy`` and what they need."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from belle_core.config import TrainerConfig
from belle_core.errors import BelleError
from belle_core.names import unknown
from belle_core.training.precision import precision_of


@dataclass(frozen=True)
class Strategy:
    """One way of sharing a run."""

    family: str
    """``single``, ``ddp`` (every device holds everything), ``fsdp`` (all is divided) or ``zero`` (DeepSpeed)."""
    stage: int = 0
    """ZeRO: 1 divides the optimizer's state, 2 the gradients too, 3 the weights too."""
    offload: bool = False
    """ZeRO: keep the optimizer's state (stage 3: the weights too) in the memory of the host."""

    @property
    def divides(self) -> bool:
        """Whether a device holds a part of the weights alone."""
        return self.family == "fsdp" or self.stage == 3


STRATEGIES = {
    "ddp": Strategy("ddp"),
    "fsdp": Strategy("fsdp"),
    **{f"deepspeed_zero{stage}": Strategy("zero", stage) for stage in (1, 2, 3)},
    **{f"deepspeed_zero{stage}_offload": Strategy("zero", stage, offload=True) for stage in (1, 2, 3)},
}
LIGHTNING = {
    "single_device": Strategy("single"),
    "deepspeed": Strategy("zero", 2),
    **{f"deepspeed_stage_{stage}": Strategy("zero", stage) for stage in (1, 2, 3)},
    **{f"deepspeed_stage_{stage}_offload": Strategy("zero", stage, offload=True) for stage in (2, 3)},
}
"""Lightning's own names for the same."""


def processes_of(trainer: TrainerConfig) -> int:
    """How many processes train together."""
    return trainer.devices * trainer.nodes


def strategy_of(trainer: TrainerConfig) -> Strategy:
    """What ``trainer.strategy`` means with that many devices; raises ``BelleError`` for an unknown name."""
    several = processes_of(trainer) > 1
    if trainer.strategy == "auto":
        return Strategy("ddp" if several else "single")
    known = STRATEGIES | LIGHTNING
    if trainer.strategy not in known:
        raise unknown(
            "trainer.strategy", trainer.strategy, ["auto", *known], typed=f"trainer.strategy={trainer.strategy}"
        )
    found = known[trainer.strategy]
    if found.family == "single" and several:
        raise BelleError(
            f"trainer.strategy={trainer.strategy} is for one device, and there are {processes_of(trainer)}; say trainer.strategy=ddp",
            f"trainer.strategy={trainer.strategy} 只用于单个设备，而这里有 {processes_of(trainer)} 个；请写 trainer.strategy=ddp",
        )
    return found


def check_trainer(trainer: TrainerConfig) -> None:
    """Raise ``BelleError`` for what can be known to fail before torch is imported."""
    precision_of(trainer.precision, "float32")
    if strategy_of(trainer).family == "zero" and find_spec("deepspeed") is None:
        raise BelleError(
            f'trainer.strategy={trainer.strategy} needs the package deepspeed: pip install "belle[deepspeed]"',
            f'trainer.strategy={trainer.strategy} 需要软件包 deepspeed：pip install "belle[deepspeed]"',
        )
    if trainer.accelerator in ("cuda", "gpu") or (trainer.devices > 1 and trainer.accelerator == "auto"):
        _check_gpus(trainer)


def check_shares(examples: int, trainer: TrainerConfig) -> None:
    """Raise ``BelleError`` when some of the processes would never have anything to learn from; *examples* make a step."""
    if (ranks := processes_of(trainer)) > examples:
        raise BelleError(
            f"{ranks} processes (trainer.devices × trainer.nodes) share optimizer steps of {examples} examples; "
            "raise train.batch, take more data, or fewer devices",
            f"{ranks} 个进程（trainer.devices × trainer.nodes）分担每步只有 {examples} 条样本的优化；请调大 train.batch、增加数据或减少设备",
        )


def _check_gpus(trainer: TrainerConfig) -> None:
    from belle_core.commands.machine import gpus

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = len(gpus()) if visible is None else len([number for number in visible.split(",") if number.strip()])
    if not there and Path("/dev/kfd").exists():
        return  # AMD's driver, which nvidia-smi knows nothing of
    if not there and trainer.accelerator != "auto":
        raise BelleError(
            f"trainer.accelerator={trainer.accelerator}: this machine has no GPU; trainer.accelerator=auto takes what is there",
            f"trainer.accelerator={trainer.accelerator}：这台机器没有 GPU；trainer.accelerator=auto 会使用现有的设备",
        )
    if there and trainer.devices > there:
        raise BelleError(
            f"trainer.devices={trainer.devices}: this machine has {there} GPUs",
            f"trainer.devices={trainer.devices}：这台机器只有 {there} 个 GPU",
        )
