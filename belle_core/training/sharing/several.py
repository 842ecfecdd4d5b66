"""What all ways of sharing between processes have in common."""

from __future__ import annotations

from torch import Tensor, distributed

from belle_core.training.sharing.alone import Alone


class Several(Alone):
    """Processes that communicate, started by belle or by torchrun."""

    def total(self, values: Tensor) -> Tensor:
        """The sum of *values* over all ranks."""
        values = values.clone()
        distributed.all_reduce(values)
        return values
