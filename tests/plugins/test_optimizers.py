"""Optimizers by name: every one learns, is saved and restored exactly, and does what its source says."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train
from belle_objectives.config import SftConfig
from belle_optimizers.config import (
    AdafactorConfig,
    Adamw8bitConfig,
    AdamwConfig,
    GaloreConfig,
    LionConfig,
    MuonConfig,
)
from tiny_training import training_context
from torch import nn

from belle_core.compose import compose_run
from belle_core.config import TrainConfig
from belle_core.errors import BelleError
from belle_core.training.optimizer import build_optimizer

CHOICES = {
    "adamw": (AdamwConfig(), 3e-3),
    "adamw8bit": (Adamw8bitConfig(), 3e-3),
    "paged": (Adamw8bitConfig(paged=True), 3e-3),
    "adafactor": (AdafactorConfig(), 2e-2),
    "lion": (LionConfig(), 1e-3),
    "lion8bit": (LionConfig(bits=8), 1e-3),
    "muon": (MuonConfig(), 3e-3),
    "galore": (GaloreConfig(rank=8, gap=5, scale=1.0), 5e-3),
}
every = pytest.mark.parametrize("name", CHOICES)


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(300, 64), nn.Linear(64, 96), nn.LayerNorm(96), nn.Linear(96, 8))


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, numbers: range) -> None:
    for number in numbers:
        ids = torch.randint(0, 300, (16,), generator=torch.Generator().manual_seed(number))
        model(ids).logsumexp(-1).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def settings(name: str, **more) -> TrainConfig:
    options, rate = CHOICES[name]
    return TrainConfig(optimizer=options, learning_rate=rate, **more)


@every
def test_a_tiny_model_learns(name, tmp_path):
    options, rate = CHOICES[name]
    config = FullConfig(objective=SftConfig(), optimizer=options, epochs=3, batch=8, learning_rate=rate)
    context = training_context(tmp_path / "s" / "Model" / "a", batch=8)
    first = []
    context.__dict__["emit"] = lambda stream, values, step: first.append(values["loss"]) if step == 0 else None
    assert train(config, context).metrics["dev_loss"] < first[0] - 0.15


@every
def test_a_restored_state_goes_on_exactly(name):
    model = small()
    optimizer = build_optimizer(model, settings(name, weight_decay=0.1))
    steps(model, optimizer, range(3))
    file = io.BytesIO()
    torch.save({"weights": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    steps(model, optimizer, range(3, 8))

    again = small()
    restored = build_optimizer(again, settings(name, weight_decay=0.1))
    file.seek(0)
    state = torch.load(file, weights_only=True)
    again.load_state_dict(state["weights"])
    restored.load_state_dict(state["optimizer"])
    steps(again, restored, range(3, 8))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


@every
def test_a_weight_with_its_own_rate_moves_that_many_times_as_far(name):
    moved = []
    for factor in (1.0, 3.0):
        model = small()
        model[1].weight.rate_factor = factor
        before = copy.deepcopy(model)
        steps(model, build_optimizer(model, settings(name)), range(1))
        moved.append([b.weight - a.weight for a, b in zip(before, model, strict=True)])
    assert torch.allclose(moved[1][1], 3 * moved[0][1], atol=1e-6)
    assert all(torch.equal(moved[0][i], moved[1][i]) for i in (0, 2, 3))


def test_muon_turns_matrices_and_leaves_the_rest_to_adamw():
    ours, theirs = small(), small()
    config = settings("muon", weight_decay=0.1)
    steps(ours, build_optimizer(ours, config), range(3))
    rate, decay = config.learning_rate, 0.1
    matrices = [theirs[1].weight, theirs[3].weight]
    vectors = [theirs[1].bias, theirs[3].bias, *theirs[2].parameters()]
    muon = torch.optim.Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW([{"params": [theirs[0].weight], "weight_decay": decay}, {"params": vectors, "weight_decay": 0}], lr=rate)  # fmt: skip
    for number in range(3):
        ids = torch.randint(0, 300, (16,), generator=torch.Generator().manual_seed(number))
        theirs(ids).logsumexp(-1).square().mean().backward()
        for optimizer in (muon, adamw):
            optimizer.step()
            optimizer.zero_grad()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-7)


def test_galore_is_that_of_its_authors():
    package = pytest.importorskip("galore_torch")
    ours, theirs = small(), small()
    options = GaloreConfig(rank=4, gap=3, scale=0.5, eps=1e-20)  # theirs stands at another place
    steps(ours, build_optimizer(ours, TrainConfig(optimizer=options, learning_rate=1e-2)), range(8))
    matrices = {"params": [theirs[1].weight, theirs[3].weight], "rank": 4, "update_proj_gap": 3, "scale": 0.5, "proj_type": "std"}  # fmt: skip
    rest = {"params": [theirs[0].weight, theirs[1].bias, theirs[3].bias, *theirs[2].parameters()]}
    steps(theirs, package.GaLoreAdamW([matrices, rest], lr=1e-2, eps=1e-20), range(8))
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_galore_keeps_little():
    model = small()
    optimizer = build_optimizer(model, TrainConfig(optimizer=GaloreConfig(rank=4)))
    steps(model, optimizer, range(1))
    state = optimizer.state[model[1].weight]  # 96 x 64
    assert sum(t.numel() for t in state.values() if isinstance(t, torch.Tensor)) == 2 * 96 * 4 + 64 * 4


@pytest.mark.parametrize("name", ["adamw", "adamw8bit", "paged_adamw8bit", "adafactor", "lion", "muon", "galore"])
def test_it_is_chosen_by_name(name):
    composed = compose_run(["+train=lora", f"train/optimizer={name}"])
    assert composed.config.train.optimizer.__doc__
    assert getattr(composed.config.train.optimizer, "paged", False) == (name == "paged_adamw8bit")


def test_a_wrong_name_or_option_is_told():
    with pytest.raises(BelleError, match="did you mean 'muon'"):
        compose_run(["+train=full", "train/optimizer=muonn"])
    with pytest.raises(BelleError, match=r"train\.optimizer\.betas must be two numbers from 0 to below 1"):
        compose_run(["+train=full", "train.optimizer.betas=[0.9]"])
