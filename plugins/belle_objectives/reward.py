"""Reward model: a number for each answer, higher for the better one of a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle_objectives.dpo import report_pairs
from belle_objectives.pairs import Pairs

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch
    from belle_core.training.start import Start


class Reward(Pairs):
    """``-log sigmoid(s_w - s_l)`` with the score ``s`` at the last token (arXiv 2203.02155, equation 1)."""

    logits = "none"

    def begin(self, model: Any, start: Start) -> None:
        """Adds the layer that scores; the output layer has no part in it and stays."""
        from belle_core.training.heads import SCORE, new_head, padding, with_head

        head = new_head(start.loaded.model, seed=start.context.shared["seed"])
        with_head(start.loaded.model, head, pad=padding(start.loaded))  # refuses what cannot be saved
        output, embedding = start.loaded.model.get_output_embeddings(), start.loaded.model.get_input_embeddings()
        for parameter in output.parameters():
            if parameter is not embedding.weight:
                parameter.requires_grad_(False)
        setattr(model, SCORE, head)

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum over the pairs, in nats."""
        from torch.nn.functional import logsigmoid

        from belle_core.training.heads import scores
        from belle_core.training.losses import last_hidden

        return -logsigmoid(report_pairs(self, scores(model.score, last_hidden(model, batch)))).sum()
