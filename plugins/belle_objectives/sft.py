"""Supervised fine-tuning: the mean of ``-log p(token)`` over the answers' tokens, each with its turn's weight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from belle_core.conversation import Example
from belle_core.encoding import Encoded, Encoder
from belle_core.errors import BelleError
from belle_core.training.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch


class Sft(Objective):
    """Next token on answers."""

    logits = "parts"

    def expand(self, example: Example, encoder: Encoder) -> Iterable[Example]:
        """The example, or one for each part of its conversation where the template divides it."""
        if (talk := example.conversation) is None:
            return (example,)
        return [example if part is talk else replace(example, conversation=part) for part in encoder.parts(talk)]

    def encode(self, example: Example, encoder: Encoder) -> Sequence[Encoded]:
        """The conversation as one sequence."""
        if example.conversation is None:
            raise BelleError(
                f"example {example.id} is no conversation, and train/objective=sft learns answers",
                f"样本 {example.id} 不是对话，而 train/objective=sft 学习的是回答",
            )
        return (encoder.encode(example.conversation),)

    def amount(self, learned: Sequence[float]) -> float:
        """The summed weights of the labels."""
        return sum(learned)

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Weighted sum of the negative log-likelihoods, in nats."""
        from belle_core.training.losses import answer_loss

        return answer_loss(model, batch)
