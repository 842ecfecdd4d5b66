"""The learning rate's course and the groups of weights."""

from __future__ import annotations

from itertools import pairwise

import pytest
from torch import nn

from belle_core.config import TrainConfig
from belle_core.errors import BelleError
from belle_core.training.optimizer import adamw, learning_rate
from belle_core.training.precision import precision_of, weights_dtype


@pytest.mark.parametrize(("warmup", "first"), [(0.1, 10), (4, 4), (0, 0)])
@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_rate_rises_in_optimizer_steps_and_then_falls(schedule, warmup, first):
    config = TrainConfig(learning_rate=2.0, warmup=warmup, schedule=schedule)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[:first] == pytest.approx([2.0 * (i + 1) / first for i in range(first)])
    assert max(rates) == pytest.approx(2.0) and min(rates) > 0
    assert rates[first] == pytest.approx(2.0)
    after = rates[first:]
    assert all(x >= y for x, y in pairwise(after))
    assert after[-1] == pytest.approx(2.0) if schedule == "constant" else after[-1] < 0.05


def test_vectors_do_not_decay_and_frozen_weights_are_left_out():
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    model[2].weight.requires_grad = False
    optimizer = adamw(model, TrainConfig(weight_decay=0.1))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decay == {
        id(model[0].weight): 0.1, id(model[0].bias): 0.0, id(model[1].weight): 0.0, id(model[1].bias): 0.0, id(model[2].bias): 0.0,
    }  # fmt: skip


def test_auto_precision_follows_the_stored_weights():
    assert precision_of("auto", "float32") == "32-true"
    assert precision_of("auto", "bfloat16") == precision_of("auto", "float16") == "bf16-mixed"
    with pytest.raises(BelleError, match=r"trainer\.precision=fp8: known are auto, 32-true"):
        precision_of("fp8", "float32")


@pytest.mark.parametrize(
    ("setting", "stored", "frozen", "held"),
    [
        ("auto", "float32", True, "float32"),
        ("auto", "bfloat16", False, "float32"),
        ("auto", "bfloat16", True, "bfloat16"),
        ("auto", "float16", True, "bfloat16"),
        ("bf16-true", "float32", False, "bfloat16"),
        ("32-true", "bfloat16", True, "float32"),
    ],
)
def test_weights_that_train_are_held_in_float32(setting, stored, frozen, held):
    assert weights_dtype(setting, stored, frozen=frozen) == held
