"""What an objective offers to the loop; objectives are parts that plugins offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from belle_core.conversation import Example
from belle_core.encoding import Encoded, Encoder
from belle_core.errors import BelleError
from belle_core.plugins import load_catalog

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch, Step
    from belle_core.training.start import Start


class Objective(ABC):
    """Turns examples into sequences and sequences into a loss. Built as ``Objective(config)`` with its own options.

    The loop divides the summed loss of an optimizer step by the summed ``amount`` of its examples, so that the result
    depends neither on micro-batches nor on the number of devices. ``encode``, ``amount`` and ``loss`` are the objective;
    everything else has a default.
    """

    divides = False
    """A sequence that is too long becomes several examples; otherwise it is cut at the end."""
    names: tuple[str, ...] = ()
    """What the sequences of an example are, where there are several (``chosen``, ``rejected``)."""
    reference = False
    """It wants ``batch.reference``: log-probabilities of the sequences under the model as it starts."""
    updates: int = 1
    """Updates of the weights that the loop makes with what ``ready`` returns."""
    logits = "whole"
    """Logits that exist at once in learning: those of the ``whole`` pass, in ``parts`` (``answer_loss``), in parts where
    the output layer is frozen (``scores``: ``token_losses``), or ``none``."""
    keeps_start: bool = False
    """Where there is no adapter to switch off, a copy of the model as it started stays in memory."""
    answers: int = 0
    """Answers that the model writes to each example before it learns from them."""
    asks_judge: bool = False
    """Another model of about the same size scores the answers."""
    vanishes = False
    """A loss of exactly 0 is nothing to worry about."""

    def __init__(self, config: Any = None) -> None:
        self.config = config
        self.figures: dict[str, Any] = {}
        """What was reported since the loop last looked."""
        self.frozen_model: Any = None
        """A model that it compares with, which is divided among processes like the one that learns."""
        self.total: Callable[[Tensor], Tensor] = lambda values: values
        """The sum of a tensor over all processes that train together; all must ask for it alike."""
        self.independent: Callable[[], AbstractContextManager[None]] = nullcontext
        """Inside, every process has the whole weights and calls the model as often as it likes, whatever others do."""

    def expand(self, example: Example, encoder: Encoder) -> Iterable[Example]:
        """What *example* is learned as: itself, or several (an answer that is ranked above three others: three pairs)."""
        return (example,)

    @abstractmethod
    def encode(self, example: Example, encoder: Encoder) -> Sequence[Encoded]:
        """The sequences of an example, the same number for every one: 1 for SFT, 2 for chosen and rejected."""

    @abstractmethod
    def amount(self, learned: Sequence[float]) -> float:
        """What an example counts in the mean: the label weights for a token loss, 1 for a loss per pair. *learned* are the
        summed weights of the labels in each sequence; its first token, predicted from nothing, is none."""

    @abstractmethod
    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum (not mean) of the loss over *batch*, a float32 scalar; sequences of one example are adjacent rows."""

    def begin(self, model: Any, start: Start) -> None:  # noqa: B027
        """See the model as it starts, on the CPU, and the encoded data, before anything is learned."""

    def end(self, model: Any) -> None:  # noqa: B027
        """Take from the model what was added to it for training alone."""

    def ready(self, model: Any, step: Step) -> Step:
        """See an optimizer step (or all dev examples) before its losses are taken; what is returned is used instead."""
        return step

    def report(self, **sums: Tensor) -> None:
        """Figures beside the loss, summed over a batch like it; the loop shows them divided by the step's amount."""
        for name, value in sums.items():
            self.figures[name] = self.figures.get(name, 0.0) + value.detach()


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
