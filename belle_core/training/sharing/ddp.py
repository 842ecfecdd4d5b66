"""Every process holds the whole model; gradients are averaged once per optimizer step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from lightning_fabric.plugins.environments import TorchElasticEnvironment
from pytorch_lightning.strategies import DDPStrategy

from belle_core.training.sharing.alone import held
from belle_core.training.sharing.several import Several


class Ddp(Several):
    """Distributed data parallel."""

    def options(self, precision: str) -> dict[str, Any]:
        """Buffers are the same everywhere, and gradients are kept once."""
        strategy = DDPStrategy(
            cluster_environment=TorchElasticEnvironment(), broadcast_buffers=False, gradient_as_bucket_view=True
        )
        return {"precision": held(precision), "strategy": strategy}

    @contextmanager
    def backward(self, module: Any, *, last: bool) -> Iterator[float]:
        """Synchronized in the last backward pass alone; DDP averages, hence the factor."""
        with nullcontext() if last else module.trainer.strategy.model.no_sync():
            yield float(self.ranks)
