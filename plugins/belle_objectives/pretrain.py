"""Pretraining: the mean of ``-log p(token)`` over whole documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from belle_core.conversation import Example
from belle_core.encoding import Encoded, Encoder, Segment
from belle_core.training.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch


class Pretrain(Objective):
    """Next token on text."""

    logits = "parts"
    divides = True
    """A document that is too long becomes several sequences; no token is lost."""

    def encode(self, example: Example, encoder: Encoder) -> Sequence[Encoded]:
        """The document between its begin and end tokens; a conversation as its template writes it."""
        if example.conversation is not None:
            segments = encoder.template.segments(example.conversation)
        else:
            segments = iter(document(example.text or "", encoder))
        return (encoder.encode_segments(segment._replace(weight=1.0) for segment in segments),)

    def amount(self, learned: Sequence[float]) -> float:
        """Tokens that are predicted: all but the first."""
        return sum(learned)

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum of the negative log-likelihoods, in nats."""
        from belle_core.training.losses import answer_loss

        return answer_loss(model, batch)


def document(text: str, encoder: Encoder) -> list[Segment]:
    """*text* with the tokens that begin and end a sequence, where the tokenizer has them."""
    begin = [Segment(special="bos")] if encoder.tokenizer.bos_token_id is not None else []
    end = [Segment(special="eos")] if encoder.tokenizer.eos_token_id is not None else []
    return [*begin, Segment(text), *end]
