"""NEFTune (arXiv 2310.05914): noise on the embeddings of what is learned from."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning import Callback
from torch import Tensor


class Neftune(Callback):
    """Adds uniform noise in ``± alpha / sqrt(length * width)`` to embeddings, in passes that are learned from alone."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self._hooks: list[Any] = []
        self._positions: Tensor | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Hooks into the embedding, and into the model to see where packed sequences begin."""
        model = pl_module.model
        self._hooks = [
            model.register_forward_pre_hook(self._begin, with_kwargs=True),
            model.get_input_embeddings().register_forward_hook(self._disturb),
        ]

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """The model is as before."""
        for hook in self._hooks:
            hook.remove()

    def _begin(self, _: Any, arguments: Any, named: dict[str, Any]) -> None:
        self._positions = named.get("position_ids")

    def _disturb(self, module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if not module.training or not torch.is_grad_enabled():
            return output  # dev examples, reference models, answers
        lengths = lengths_of(inputs[0], self._positions)
        size = self.alpha / (lengths * output.shape[-1]).sqrt()
        return output + (torch.rand_like(output) * 2 - 1) * size[..., None].to(output.dtype)


def lengths_of(ids: Tensor, positions: Tensor | None) -> Tensor:
    """Length of the sequence that each of ``ids`` (rows, time) belongs to, float32 of that shape.

    ``positions`` of packed sequences begin anew with each of them; without, a row is one sequence.
    """
    if positions is None:
        return torch.full(ids.shape, float(ids.shape[-1]), device=ids.device)
    number = (positions.expand(ids.shape).flatten() == 0).cumsum(0)
    counts = torch.zeros(len(number) + 1, device=ids.device).index_add_(
        0, number, torch.ones_like(number, dtype=torch.float32)
    )
    return counts[number].view(ids.shape)  # bincount would ask the device how many there are
