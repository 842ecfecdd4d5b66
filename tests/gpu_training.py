"""Training as on a GPU, on one that is only pretended: no tensor is on the wrong device, nothing waits, the numbers are a CPU's."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext

import pytest
import torch
from pretended_gpu import Mixed, gpu  # noqa: F401 (a fixture)
from tiny_training import training_context

from belle_core.plugins import load_catalog
from belle_core.training.fit import fit
from belle_core.training.loading import load_start
from belle_core.training.module import InstructionModule
from belle_core.training.precision import weights_dtype

CATALOG = load_catalog()
ANSWERS = {"rewards": {"length": 1.0}, "max_new_tokens": 3, "group": 2}
OPTIONS = {"grpo": ANSWERS, "ppo": ANSWERS}
FAST = [("full", "sft", "32-true"), ("lora", "sft", "bf16-mixed")]
MORE = [(method, objective, "bf16-mixed") for method in ("full", "lora") for objective in CATALOG.names("objective")]
MORE += [(method, "sft", precision) for method in ("freeze", "embeddings") for precision in ("32-true", "bf16-mixed")]
CASES = [*FAST, *(pytest.param(*case, marks=pytest.mark.slow) for case in MORE if case not in FAST)]


def train(folder, method, objective, precision, gpu=None, trainer=None, **options):  # noqa: F811
    """The figures of a run of one optimizer step."""
    stage, part = CATALOG.stages["train", method], CATALOG.part("objective", objective)
    settings = {"precision": precision, "batch": 6} | (trainer or {})
    rejected = int("pair" in part.record)
    grouped = {"num_key_value_heads": 1, "num_attention_heads": 2, "tie_word_embeddings": False}
    context = training_context(folder / "Model" / "made", rejected=rejected, architecture=grouped, **settings)
    context.shared["trainer"].accelerator = "cuda" if gpu else "cpu"
    config = stage.config(
        objective=part.config(**OPTIONS.get(objective, {})), epochs=0.1, batch=6, max_length=64, looks=1, **options
    )
    with gpu or nullcontext():
        loaded = load_start(context, dtype=lambda stored: weights_dtype(precision, stored, frozen=method == "lora"))
        return fit(config.prepared(loaded.model, 7), loaded, config, context)


@pytest.fixture
def waits(gpu, monkeypatch):  # noqa: F811
    """Where training steps waited for the device, but once for the loss of each, and for the dev loss."""
    found: Counter[str] = Counter({"module._told": -1})  # the dev loss at the end is one more
    step = InstructionModule.training_step

    def watched(self, *arguments):
        before = Counter(gpu.waits)
        step(self, *arguments)
        found.update(gpu.waits - before)
        found["module._told"] -= 1

    monkeypatch.setattr(InstructionModule, "training_step", watched)
    return found


@pytest.mark.parametrize(("method", "objective", "precision"), CASES)
def test_a_step_is_that_of_a_cpu_and_waits_once(method, objective, precision, gpu, waits, tmp_path):  # noqa: F811
    there = train(tmp_path / "gpu", method, objective, precision, gpu)
    here = train(tmp_path / "cpu", method, objective, precision)
    close = 1e-5 if precision == "32-true" else 2e-3
    for name in ("train_loss", "dev_loss"):
        assert there[name] == pytest.approx(here[name], rel=close, abs=close), name
    if objective not in OPTIONS:  # answers are given a token at a time
        assert not +waits


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"neftune": 5.0, "ema": 0.9, "keep": "best"},
        {"trainer": {"packing": False}},
        {"trainer": {"gradient_checkpointing": True}},
        {"trainer": {"fast": False}},
        {"trainer": {"batch": 1}},
    ],
    ids=lambda options: ",".join(options) + ",".join(options.get("trainer", "")),
)
def test_options_of_a_step(options, gpu, waits, tmp_path):  # noqa: F811
    there = train(tmp_path / "gpu", "lora", "sft", "bf16-mixed", gpu, **options)
    here = train(tmp_path / "cpu", "lora", "sft", "bf16-mixed", **options)
    assert there["train_loss"] == pytest.approx(here["train_loss"], rel=2e-3)
    waits["losses._forward"] = 0  # transformers looks for packs among the positions of padded sequences
    assert not +waits


@pytest.mark.parametrize("name", ["adamw", "adafactor", "muon", "galore"])
def test_optimizers_keep_their_state_where_the_weights_are(name, gpu):  # noqa: F811
    part = CATALOG.part("optimizer", name)
    with gpu:
        model = torch.nn.Linear(8, 8).to("cuda")
        matrix = {"params": [model.weight], "role": "matrix", "lr": 1e-3, "weight_decay": 0.0}
        groups = [matrix, {"params": [model.bias], "role": "vector", "lr": 1e-3, "weight_decay": 0.0}]
        optimizer = part.load()(part.config(), groups)
        before = model.weight.cpu().clone()
        for _ in range(2):
            model(torch.ones(2, 8, device="cuda")).sum().backward()
            optimizer.step()
        assert not torch.equal(before, model.weight.cpu())


def test_what_cuda_refuses_is_refused(gpu):  # noqa: F811
    with gpu:
        a = torch.ones(2, 2, device="cuda")
        with pytest.raises(Mixed):
            a + torch.ones(2, 2)
        with pytest.raises(TypeError):
            a.numpy()
        assert (a @ a).device == torch.device("cuda:0") and (a @ a).tolist() == [[2.0, 2.0], [2.0, 2.0]]
        assert a[torch.tensor([0])].shape == (1, 2)
