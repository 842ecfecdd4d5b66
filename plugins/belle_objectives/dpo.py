"""Losses on how much more likely the model has made each answer of a pair than it was at the start: DPO and IPO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_objectives.pairs import Pairs

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch


class Dpo(Pairs):
    """``-log sigmoid(beta (r_w - r_l))`` with ``r = log p(y|x) - log p_start(y|x)`` (arXiv 2305.18290, equation 7)."""

    reference = True

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum over the pairs, in nats."""
        from torch.nn.functional import logsigmoid

        from belle_core.training.losses import sequence_scores

        scores, _ = sequence_scores(model, batch)
        rewards = self.config.beta * (scores - batch.reference)
        margin = report_pairs(self, rewards)
        wrong = self.config.label_smoothing
        return -((1 - wrong) * logsigmoid(margin) + wrong * logsigmoid(-margin)).sum()


class Ipo(Pairs):
    """``(r_w - r_l - 1 / (2 beta))^2`` with ``r`` as a mean over the answer's tokens (arXiv 2310.12036, equation 17).

    The paper's equation has sums; its authors use means, which make ``beta`` independent of the answers' lengths.
    """

    reference = True

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum over the pairs."""
        from belle_core.training.losses import sequence_scores

        scores, lengths = sequence_scores(model, batch)
        margin = report_pairs(self, (scores - batch.reference) / lengths)
        return ((margin - 1 / (2 * self.config.beta)) ** 2).sum()


def report_pairs(objective: Pairs, rewards: Tensor) -> Tensor:
    """How far the chosen answer's reward is above the rejected one's, (pairs,), having reported it; rewards (sequences,)."""
    chosen, rejected = rewards[0::2], rewards[1::2]
    margin = chosen - rejected
    objective.report(
        accuracy=(margin > 0).float().sum(), margin=margin.sum(), chosen=chosen.sum(), rejected=rejected.sum()
    )
    return margin
