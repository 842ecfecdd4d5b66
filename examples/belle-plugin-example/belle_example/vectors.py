"""Chooses which weights train: biases and, if wanted, the scales of norms."""

from __future__ import annotations

from torch import nn

from belle_core.errors import BelleError


def freeze_matrices(model: nn.Module, *, norms: bool) -> int:
    """Let only vectors of *model* train, in place: biases, and the scales of norms when *norms*.

    Returns the number of weights that train; raises ``BelleError`` when there is none.
    """
    trainable = 0
    for name, parameter in model.named_parameters():
        parameter.requires_grad = parameter.ndim == 1 and (norms or name.endswith("bias"))
        trainable += parameter.numel() if parameter.requires_grad else 0
    if not trainable:
        raise BelleError(
            "train=bitfit: this model has no biases, so nothing would train; say train.norms=true",
            "train=bitfit：该模型没有偏置，没有可训练的权重；请写 train.norms=true",
        )
    return trainable
