"""SimPO: mean log-probabilities as rewards, with a margin between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_objectives.dpo import report_pairs
from belle_objectives.pairs import Pairs

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch


class Simpo(Pairs):
    """``-log sigmoid(beta l_w - beta l_l - gamma)`` with the mean log-probability ``l`` of an answer's tokens
    (arXiv 2405.14734, equation 6)."""

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum over the pairs, in nats."""
        from torch.nn.functional import logsigmoid

        from belle_core.training.losses import sequence_scores

        scores, lengths = sequence_scores(model, batch)
        margin = report_pairs(self, self.config.beta * scores / lengths)
        return -logsigmoid(margin - self.config.gamma).sum()
