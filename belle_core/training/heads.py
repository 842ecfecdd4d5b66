"""A layer that makes one number of a hidden state: the score of an answer."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from belle_core.errors import BelleError
from belle_core.training.loading import PROBE, Loaded

SCORE = "score"
"""What transformers calls the layer, and so do we while it trains beside the causal language model."""


def new_head(model: PreTrainedModel, *, seed: int) -> nn.Linear:
    """(width) to 1 without bias, normal with variance ``1 / (width + 1)`` (arXiv 2009.01325, appendix B.1)."""
    output: Any = model.get_output_embeddings()
    width = output.weight.shape[1]
    head = nn.Linear(width, 1, bias=False)
    nn.init.normal_(head.weight, std=(width + 1) ** -0.5, generator=torch.Generator().manual_seed(seed))
    return head


def scores(head: nn.Linear, hidden: Tensor) -> Tensor:
    """One number, float32, for each state of *hidden*, (..., width)."""
    return head(hidden.to(head.weight.dtype))[..., 0].float()


def with_head(model: PreTrainedModel, head: nn.Linear, *, pad: int) -> PreTrainedModel:
    """The layers of the causal language model *model* and *head* as a classifier with one label; weights are shared.

    Raises ``BelleError`` when transformers has no such class for the architecture.
    """
    config = copy.deepcopy(model.config)
    config.num_labels, config.pad_token_id = 1, pad
    try:
        with torch.device("meta"):
            new: Any = AutoModelForSequenceClassification.from_config(config)
    except ValueError:
        new = None
    if not isinstance(getattr(new, SCORE, None), nn.Linear):
        name = type(model).__name__
        raise BelleError(
            f"transformers has no classifier for {name}, so it cannot become a reward model; choose another architecture",
            f"transformers 没有适用于 {name} 的分类模型，因此无法训练奖励模型；请换一种模型结构",
        )
    setattr(new, new.base_model_prefix, getattr(model, model.base_model_prefix))
    setattr(new, SCORE, head)
    return new  # type: ignore[no-any-return]


def padding(loaded: Loaded) -> int:
    """A token that no sequence ends with: transformers scores the last token that is not this one."""
    last = loaded.encoder.encode(loaded.encoder.parts(PROBE)[-1]).ids[-1]
    known = (loaded.tokenizer.pad_token_id, loaded.tokenizer.unk_token_id, 0, 1)
    return next(int(token) for token in known if token is not None and token != last)
