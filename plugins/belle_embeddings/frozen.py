"""Freezes a model but for the rows that stand for tokens."""

from __future__ import annotations

from transformers import PreTrainedModel


def freeze(model: PreTrainedModel, *, output: bool) -> None:
    """Leave the word embeddings trainable, with those of the output layer if *output* says so; its bias stays."""
    model.requires_grad_(False)
    model.get_input_embeddings().weight.requires_grad_(True)
    if output:
        model.get_output_embeddings().weight.requires_grad_(True)
