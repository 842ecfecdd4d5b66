"""The learning rate's course and the groups of weights."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn
from transformers import get_scheduler

from belle_core.config import TrainConfig
from belle_core.errors import BelleError
from belle_core.training.optimizer import build_optimizer, learning_rate, weight_groups
from belle_core.training.precision import precision_of, weights_dtype


@pytest.mark.parametrize(("warmup", "first"), [(0.1, 10), (4, 4), (0, 0)])
@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant", "wsd"])
@pytest.mark.parametrize("floor", [0.0, 0.25])
def test_rate_rises_in_optimizer_steps_and_then_falls_to_its_floor(schedule, warmup, first, floor):
    config = TrainConfig(learning_rate=2.0, warmup=warmup, schedule=schedule, floor=floor)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[:first] == pytest.approx([2.0 * (i + 1) / first for i in range(first)])
    assert max(rates) == pytest.approx(2.0) and min(rates[first:]) > 2.0 * floor
    assert rates[first] == pytest.approx(2.0)
    after = rates[first:]
    assert all(x >= y for x, y in pairwise(after))
    near = 2.0 * (floor + (1 - floor) * 0.06)
    assert after[-1] == pytest.approx(2.0) if schedule == "constant" else 2.0 * floor < after[-1] < near


@pytest.mark.parametrize(
    ("schedule", "name"), [("linear", "linear"), ("cosine", "cosine"), ("wsd", "warmup_stable_decay")]
)
def test_rates_are_those_of_transformers(schedule, name):
    """But that ours are above 0 from the first step on: theirs lag by one in the warm-up."""
    more = {"num_decay_steps": 20, "decay_type": "1-sqrt"} if schedule == "wsd" else {}
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=2.0)
    theirs = get_scheduler(
        name, optimizer, num_warmup_steps=10, num_training_steps=100, scheduler_specific_kwargs=more
    ).lr_lambdas[0]
    config = TrainConfig(learning_rate=2.0, warmup=10, schedule=schedule, decay=20)
    ours = [learning_rate(config, step, 100) for step in range(100)]
    assert ours[10:] == pytest.approx([2.0 * theirs(step) for step in range(10, 100)])
    assert ours[:10] == pytest.approx([2.0 * theirs(step) for step in range(1, 11)])


def test_a_fall_that_is_longer_than_what_is_left_begins_at_the_top():
    config = TrainConfig(learning_rate=2.0, warmup=0.4, schedule="wsd", decay=0.9)
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[39] == rates[40] == 2.0 and all(0 < x - y < 0.5 for x, y in pairwise(rates[40:]))


def test_vectors_do_not_decay_and_frozen_weights_are_left_out():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    model[3].weight.requires_grad = False
    model[1].weight.rate_factor = 3.0
    groups = weight_groups(model, TrainConfig(weight_decay=0.1, learning_rate=2.0))
    found = {id(p): (group["role"], group["weight_decay"], group["lr"]) for group in groups for p in group["params"]}
    vector = ("vector", 0.0, 2.0)
    assert found == {
        id(model[0].weight): ("embedding", 0.1, 2.0), id(model[1].weight): ("matrix", 0.1, 6.0), id(model[1].bias): vector,
        id(model[2].weight): vector, id(model[2].bias): vector, id(model[3].bias): vector,
    }  # fmt: skip


def test_a_stage_that_leaves_no_choice_has_adamw():
    assert type(build_optimizer(nn.Linear(2, 2), TrainConfig())) is torch.optim.AdamW


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
