"""What each device holds when several train together (``trainer.strategy``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from belle_core.planning.memory import Memory
from belle_core.planning.method import FLOAT, Precision
from belle_core.strategies import Strategy

if TYPE_CHECKING:
    from belle_core.training.skeleton import Skeleton


@dataclass(frozen=True)
class Share:
    """Bytes of one device, and of the main memory of all machines together where state is kept there."""

    device: Memory
    host: int = 0


def share(
    memory: Memory, skeleton: Skeleton, precision: Precision, strategy: Strategy, ranks: int, *, adapter: bool
) -> Share:
    """*memory* of one device alone, shared out among *ranks*.

    FSDP and ZeRO-3 put a block together while it is computed, FSDP the next one and the tables too. ZeRO holds the
    weights as they are computed with, and what trains again in float32 beside the optimizer. Buckets in which DeepSpeed
    and NCCL communicate are not counted.
    """
    if strategy.family in ("single", "ddp"):
        return Share(memory)
    trained, block, tables = skeleton.trainable, skeleton.block, skeleton.outside
    gradients = trained * precision.trained
    if strategy.family == "fsdp":
        there = tables * precision.weights + int(2 * block * skeleton.width)
        gathered = 0 if adapter else (tables + block) * precision.trained
        return Share(
            replace(
                memory,
                weights=memory.weights // ranks + there,
                gradients=gradients // ranks + gathered,
                optimizer=memory.optimizer // ranks,
            )
        )
    weights = memory.weights * precision.compute // precision.weights
    state = memory.optimizer + trained * FLOAT
    gradients = trained * (FLOAT if strategy.stage > 1 else FLOAT + precision.compute)
    host = (state if strategy.offload else 0) + (weights if strategy.offload and strategy.stage == 3 else 0)
    if strategy.stage == 3:
        weights = (0 if strategy.offload else weights // ranks) + (max(block, tables) + block) * precision.compute
    return Share(
        replace(
            memory,
            weights=weights,
            gradients=0
            if strategy.offload and strategy.stage > 1
            else gradients // (ranks if strategy.stage > 1 else 1),
            optimizer=0 if strategy.offload else state // ranks,
        ),
        host + (gradients if strategy.offload and strategy.stage > 1 else 0),
    )
