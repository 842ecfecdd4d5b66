"""ORPO: the likelihood of the chosen answer, and the odds of it over the rejected one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_objectives.dpo import report_pairs
from belle_objectives.pairs import Pairs

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch


class Orpo(Pairs):
    """``-l_w - beta log sigmoid(o_w - o_l)`` with the mean log-probability ``l`` of an answer's tokens and its log odds
    ``o = l - log(1 - e^l)`` (arXiv 2403.07691, equations 4, 6 and 7)."""

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum over the pairs, in nats."""
        from torch.nn.functional import logsigmoid

        from belle_core.training.losses import sequence_scores

        scores, lengths = sequence_scores(model, batch)
        means = scores / lengths
        margin = report_pairs(self, log_odds(means))
        return (-means[0::2] - self.config.beta * logsigmoid(margin)).sum()


def log_odds(logarithm: Tensor) -> Tensor:
    """``log(p / (1 - p))`` of ``log p < 0``, exact near both ends."""
    import torch

    logarithm = logarithm.clamp(max=-1e-7)  # at p = 1 the odds are infinite
    rest = torch.where(
        logarithm > -0.6931, torch.log(-torch.expm1(logarithm)), torch.log1p(-torch.exp(logarithm.clamp(max=-0.6)))
    )
    return logarithm - rest
