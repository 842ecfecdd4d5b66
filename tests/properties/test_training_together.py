"""Several processes learn what one learns, whatever the strategy, with uneven lengths and steps of a single example."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
import torch
from belle_optimizers.config import AdafactorConfig, AdamwConfig, LionConfig, MuonConfig
from safetensors.torch import load_file
from together import train
from transformers import AutoModelForCausalLM

from belle_core.errors import BelleError

WEIGHTS = {"full": "model.safetensors", "lora": "adapter_model.safetensors"}
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked")]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process makes, by method."""
    made = {}
    for method in WEIGHTS:
        made[method] = train(tmp_path_factory.mktemp("alone") / "Model" / method, method)[0]
    return made


needs_deepspeed = pytest.mark.skipif(find_spec("deepspeed") is None, reason='needs pip install "belle[deepspeed]"')


def zero(strategy: str, *more):
    return pytest.param(strategy, *more, marks=needs_deepspeed)


@pytest.mark.parametrize(
    ("strategy", "method"),
    [
        ("ddp", "full"),
        ("ddp", "lora"),
        ("fsdp", "full"),
        ("fsdp", "lora"),
        zero("deepspeed_zero1", "full"),
        zero("deepspeed_zero2", "full"),
        zero("deepspeed_zero2", "lora"),
        zero("deepspeed_zero3", "full"),
        zero("deepspeed_zero3", "lora"),
        zero("deepspeed_zero2_offload", "lora"),
        zero("deepspeed_zero3_offload", "full"),
    ],
)
def test_two_processes_learn_what_one_learns(strategy, method, alone, tmp_path):
    artifact, said = train(tmp_path / "Model" / "two", method, devices=2, strategy=strategy)
    one, two = (load_file(a.directory / WEIGHTS[method]) for a in (alone[method], artifact))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=1e-5, rtol=1e-4)
    curves = [(a.directory / "curve.jsonl").read_text().splitlines() for a in (alone[method], artifact)]
    for ours, theirs in zip(*curves, strict=True):
        assert json.loads(ours) == pytest.approx(json.loads(theirs), rel=1e-4)
    assert [step for stream, _, step in said if stream == "train"] == [1, 2, 3, 4]
    assert artifact.metrics["tokens"] == alone[method].metrics["tokens"]
    assert [path.name for path in artifact.directory.glob("**/*") if path.suffix in (".pt", ".bin", ".ckpt")] == []
    if method == "full":
        AutoModelForCausalLM.from_pretrained(artifact.directory)


STOPS = {"epochs": 8, "batch": 20, "learning_rate": 2e-2, "ema": 0.5, "keep": "best", "patience": 2, "looks": 24}
STOPS["optimizer"] = AdamwConfig(eps=1e-3)  # rounding at gradients near 0 shall not decide
"""The dev loss of the averages is lowest after 10 of 24 steps for a while."""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    return train(tmp_path_factory.mktemp("stopped") / "Model" / "a", "full", train=STOPS)[0]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp", zero("deepspeed_zero2"), zero("deepspeed_zero3")])
def test_averages_best_weights_and_an_early_end_are_those_of_one_process(strategy, stopped, tmp_path):
    two = train(tmp_path / "Model" / "a", "full", train=STOPS, devices=2, strategy=strategy)[0]
    first, second = (load_file(a.directory / WEIGHTS["full"]) for a in (stopped, two))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-5, rtol=1e-4)
    curves = [(a.directory / "curve.jsonl").read_text().splitlines() for a in (stopped, two)]
    for ours, theirs in zip(*curves, strict=True):
        assert json.loads(ours) == pytest.approx(json.loads(theirs), rel=1e-3)
    assert two.metrics["best_step"] == stopped.metrics["best_step"] == len(curves[0]) - 3


@pytest.mark.parametrize("strategy", ["fsdp", zero("deepspeed_zero3")])
def test_what_is_divided_learns_at_its_own_rates_from_the_first_process_start(strategy, tmp_path):
    """LoRA+ and PiSSA: the rate of ``B``, and a start that is computed from the weights, which one process has."""
    settings = {"epochs": 2, "batch": 20, "learning_rate": 1e-3, "b_ratio": 16.0, "init": "pissa", "weight_decay": 0.5}
    settings["optimizer"] = AdamwConfig(eps=1e-3)
    one = train(tmp_path / "one" / "Model" / "a", "lora", train=settings)[0]
    two = train(tmp_path / "two" / "Model" / "a", "lora", train=settings, devices=2, strategy=strategy)[0]
    first, second = (load_file(a.directory / WEIGHTS["lora"]) for a in (one, two))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("strategy", ["fsdp", zero("deepspeed_zero3")])
@pytest.mark.parametrize("bits", [{}, {"format": "int8", "dora": True}, {"dora": True}, {"init": "loftq"}], ids=str)
def test_a_base_in_few_bits_is_divided(bits, strategy, tmp_path):
    pytest.importorskip("bitsandbytes")
    settings = {"epochs": 2, "batch": 20, "learning_rate": 1e-2, "optimizer": AdamwConfig(eps=1e-3), **bits}
    one = train(tmp_path / "one" / "Model" / "a", "qlora", train=settings)[0]
    two = train(tmp_path / "two" / "Model" / "a", "qlora", train=settings, devices=2, strategy=strategy)[0]
    first, second = (load_file(a.directory / WEIGHTS["lora"]) for a in (one, two))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_averages_go_with_an_optimizer_for_matrices(keep, tmp_path):
    settings = {"epochs": 2, "batch": 20, "learning_rate": 1e-3, "ema": 0.5, "keep": keep, "optimizer": MuonConfig()}
    one = train(tmp_path / "one" / "Model" / "a", "full", train=settings)[0]
    two = train(tmp_path / "two" / "Model" / "a", "full", train=settings, devices=2, strategy="fsdp")[0]
    first, second = (load_file(a.directory / WEIGHTS["full"]) for a in (one, two))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("strategy", [zero("deepspeed_zero2"), zero("deepspeed_zero3")])
def test_an_optimizer_that_works_number_by_number_is_divided(strategy, tmp_path):
    pytest.importorskip("bitsandbytes")
    settings = {"epochs": 2, "batch": 20, "learning_rate": 1e-3, "optimizer": LionConfig()}
    one = train(tmp_path / "one" / "Model" / "a", "full", train=settings)[0]
    two = train(tmp_path / "two" / "Model" / "a", "full", train=settings, devices=2, strategy=strategy)[0]
    first, second = (load_file(a.directory / WEIGHTS["full"]) for a in (one, two))
    differ = [(second[name] - tensor).abs() > 1e-5 for name, tensor in first.items()]
    share = sum(int(d.sum()) for d in differ) / sum(d.numel() for d in differ)
    assert share < 1e-3, "Lion takes signs: where a gradient is all but 0, rounding decides"


@pytest.mark.parametrize(
    ("strategy", "optimizer", "message"),
    [
        ("fsdp", AdafactorConfig(), "train/optimizer=adafactor cannot work on weights that are divided"),
        zero("deepspeed_zero2", AdafactorConfig(), "DeepSpeed cuts weights anywhere, and Adafactor needs each of them"),
    ],
)
def test_an_optimizer_that_needs_whole_weights_says_so(strategy, optimizer, message, tmp_path):
    settings = {"epochs": 1, "batch": 20, "learning_rate": 1e-3, "optimizer": optimizer}
    with pytest.raises(BelleError, match=message):
        train(tmp_path / "Model" / "a", "full", train=settings, devices=2, strategy=strategy)


@pytest.mark.parametrize(
    ("strategy", "method", "precision"),
    [
        ("ddp", "full", "bf16-mixed"),
        ("fsdp", "lora", "bf16-mixed"),
        ("fsdp", "full", "bf16-true"),
        zero("deepspeed_zero2", "full", "bf16-mixed"),
        zero("deepspeed_zero3", "lora", "bf16-mixed"),
    ],
)
def test_half_precision_learns_together(strategy, method, precision, tmp_path):
    pace = {"epochs": 6, "batch": 8, "learning_rate": 1e-2}
    artifact, said = train(
        tmp_path / "Model" / "two", method, train=pace, devices=2, strategy=strategy, precision=precision
    )
    dev = [values["loss"] for stream, values, _ in said if stream == "dev"]
    assert dev[-1] < dev[0] - (0.3 if method == "full" else 0.05), dev  # the base of the adapter is random
    weights = load_file(artifact.directory / WEIGHTS[method])
    assert weights and all(tensor.isfinite().all() and tensor.dtype == torch.float32 for tensor in weights.values())
