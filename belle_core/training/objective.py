"""What an objective offers to the loop; objectives are parts that plugins offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from belle_core.conversation import Example
from belle_core.encoding import Encoded, Encoder
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch


class Objective(Protocol):
    """Turns examples into sequences and sequences into a loss. Built as ``Objective(config)`` with its own options.

    The loop divides the summed loss of an optimizer step by the summed ``amount`` of its examples, so that the result
    depends neither on micro-batches nor on the number of devices.

    It may have two more: ``divides = True`` makes several examples of a sequence that is too long, which is cut at the
    end otherwise; ``begin(model)`` sees the model, ready to train, before anything is learned.
    """

    def encode(self, example: Example, encoder: Encoder) -> Sequence[Encoded]:
        """The sequences of an example, the same number for every one: 1 for SFT, 2 for chosen and rejected."""
        ...

    def amount(self, sequences: Sequence[Encoded]) -> float:
        """What the example counts in the mean: its label weights for a token loss, 1 for a loss per pair."""
        ...

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum (not mean) of the loss over *batch*, a float32 scalar; sequences of one example are adjacent rows."""
        ...


def build_objective(config: Any) -> Objective:
    """The objective whose options *config* holds; raises ``BelleError`` when no plugin offers it."""
    part = load_catalog().part_for(config)
    if part is None:
        raise BelleError(
            "training needs an objective; choose one, for example train/objective=sft",
            "训练需要一个目标（objective）；请选择一个，例如 train/objective=sft",
        )
    objective: Objective = part.load()(config)
    return objective
