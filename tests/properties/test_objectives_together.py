"""Whatever the objective, several processes learn what one learns: preferences, scores, and rewards for answers."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from belle_objectives.config import DpoConfig, KtoConfig, RewardConfig, SimpoConfig
from belle_optimizers.config import AdamwConfig
from belle_rl.config import GrpoConfig, PpoConfig
from safetensors.torch import load_file
from together import train

ZERO = [name for name in ("deepspeed_zero2", "deepspeed_zero3") if find_spec("deepspeed")]
REWARDED = {"rewards": {"length": 1.0}, "max_new_tokens": 6}
OBJECTIVES: dict[str, Any] = {
    "dpo": DpoConfig(),
    "simpo": SimpoConfig(),
    "kto": KtoConfig(),
    "reward": RewardConfig(),
    "grpo": GrpoConfig(**REWARDED, group=4),
    "ppo": PpoConfig(**REWARDED, group=2, updates=2),
}
PACE: dict[str, Any] = {"batch": 59, "max_length": 64, "learning_rate": 1e-3, "optimizer": AdamwConfig(eps=1e-4)}
"""Of 60 questions every second step has one, so that a process has none; Adam does not decide by rounding."""
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]


def made(directory, name: str, method: str, **trainer):
    pairs = int(name in ("dpo", "simpo", "kto", "reward"))
    pace = PACE | {"epochs": 1 if name in ("grpo", "ppo") else 2}
    return train(directory / "Model" / "a", method, train=pace, objective=OBJECTIVES[name], rejected=pairs, **trainer)[
        0
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process makes, by objective and method, made when it is asked for."""
    found: dict[tuple[str, str], Any] = {}

    def ask(name: str, method: str):
        if (name, method) not in found:
            found[name, method] = made(tmp_path_factory.mktemp("alone"), name, method)
        return found[name, method]

    return ask


CASES = {
    ("dpo", "full"): ("ddp", "fsdp", "deepspeed_zero2", "deepspeed_zero3"),
    ("dpo", "lora"): ("ddp", "fsdp", "deepspeed_zero2"),
    ("kto", "full"): ("ddp", "fsdp", "deepspeed_zero2"),
    ("simpo", "full"): ("ddp",),
    ("reward", "full"): ("fsdp", "deepspeed_zero3"),
    ("reward", "lora"): ("ddp",),
    ("grpo", "full"): ("ddp", "fsdp", "deepspeed_zero2", "deepspeed_zero3"),
    ("grpo", "lora"): ("ddp", "fsdp"),
    ("ppo", "full"): ("ddp", "fsdp", "deepspeed_zero2", "deepspeed_zero3"),
}


@pytest.mark.parametrize(
    ("name", "method", "strategy"),
    [(*case, s) for case, all_of_it in CASES.items() for s in all_of_it if s in ("ddp", "fsdp", *ZERO)],
)
def test_two_processes_learn_what_one_learns(name, method, strategy, alone, tmp_path):
    one, two = alone(name, method), made(tmp_path, name, method, devices=2, strategy=strategy)
    (file,) = (path.name for path in one.directory.glob("*.safetensors"))
    first, second = (load_file(a.directory / file) for a in (one, two))
    assert first.keys() == second.keys()
    for key, tensor in first.items():
        torch.testing.assert_close(second[key], tensor, atol=1e-5, rtol=1e-4)
    curves = [(a.directory / "curve.jsonl").read_text().splitlines() for a in (one, two)]
    for ours, theirs in zip(*(map(json.loads, curve) for curve in curves), strict=True):
        for point in (ours, theirs):
            if point["step"] == 1:
                point.pop("accuracy", None)  # all margins are 0 but for rounding
        assert theirs == pytest.approx(ours, rel=1e-3, abs=1e-5)


@pytest.mark.skipif(not ZERO, reason='needs pip install "belle[deepspeed]"')
def test_weights_that_stage_3_divides_are_put_together_to_answer(tmp_path):
    """From 100,000 numbers on it divides a weight; smaller ones stay whole on every process."""
    wide = {"architecture": {"hidden_size": 320}}
    one = made(tmp_path / "one", "grpo", "lora", **wide)
    two = made(tmp_path / "two", "grpo", "lora", devices=2, strategy="deepspeed_zero3", **wide)
    first, second = (load_file(a.directory / "adapter_model.safetensors") for a in (one, two))
    for key, tensor in first.items():
        torch.testing.assert_close(second[key], tensor, atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(not ZERO, reason='needs pip install "belle[deepspeed]"')
@pytest.mark.parametrize(
    ("method", "before", "after"), [("full", "fsdp", "deepspeed_zero2"), ("lora", "deepspeed_zero2", "fsdp")]
)
def test_more_of_the_same_is_learned_from_a_kept_state_whatever_the_strategy(method, before, after, tmp_path):
    """An epoch with one strategy and another with another are the two of one process; the reference is that of the beginning."""
    pace = PACE | {"schedule": "constant", "warmup": 0}
    settings: dict[str, Any] = {"objective": DpoConfig(), "rejected": 1}
    one = train(tmp_path / "Model" / "one", method, train=pace | {"epochs": 2}, **settings)[0]
    keep = pace | {"epochs": 1, "keep_state": True}
    begun = train(tmp_path / "Model" / "begun", method, train=keep, devices=2, strategy=before, **settings)[0]
    on = pace | {"epochs": 2, "resume_from": str(begun.directory)}
    two = train(tmp_path / "Model" / "two", method, train=on, devices=2, strategy=after, **settings)[0]
    (file,) = (path.name for path in one.directory.glob("*.safetensors"))
    first, second = (load_file(a.directory / file) for a in (one, two))
    for key, tensor in first.items():
        torch.testing.assert_close(second[key], tensor, atol=1e-5, rtol=1e-4)
