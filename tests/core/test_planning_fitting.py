"""What is said to fit, and ``trainer.batch=auto``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train
from belle_lora.config import LoraConfig, QloraConfig
from belle_objectives.config import SftConfig
from belle_objectives.sft import Sft
from safetensors.torch import load_file
from tiny_training import training_context

from belle_core.config import TrainerConfig
from belle_core.errors import Invalid
from belle_core.planning.device import Device
from belle_core.planning.fitting import CARD, Need, fits
from belle_core.planning.method import Method, Precision
from belle_core.strategies import STRATEGIES
from belle_core.training import sizing
from belle_core.training.skeleton import Skeleton

LLAMA7B = {
    "model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "tie_word_embeddings": False,
}  # fmt: skip


@cache
def skeleton(kind: type) -> Skeleton:
    return Skeleton(LLAMA7B, kind(), TrainerConfig(), stored="float16", frozen=kind is not FullConfig, logits="parts")


def need(kind, **more) -> Need:
    adapter = kind is not FullConfig
    precision = Precision.of("auto", "float16", frozen=adapter)
    return Need(skeleton(kind), precision, Method(adapter=adapter), None, longest=1024, step=64 * 1024, **more)


def test_the_largest_batch_is_the_last_that_fits():
    lora, device = need(LoraConfig), Device("cuda", 80 * 10**9)
    size = lora.largest(device)
    assert 1 <= size < 64
    assert lora.share(size).device.total <= device.room() < lora.share(size + 1).device.total
    assert lora.largest(Device("cuda", 10**13)) == 64  # a pass holds the whole step
    assert lora.largest(Device("cuda", 10**9)) == 0


def test_recomputation_is_named_where_it_is_needed():
    found = fits(need(LoraConfig), Device("cuda", 24 * 10**9))
    assert found.batch < found.recomputed and found.ways == []


def test_what_no_device_here_holds_needs_several():
    found = fits(need(FullConfig), Device("cpu", 24 * 10**9))
    assert found.batch == found.recomputed == 0
    fsdp, offload = found.ways
    assert (fsdp.strategy, offload.strategy) == ("fsdp", "deepspeed_zero3_offload")
    assert fsdp.devices == 2 and fsdp.needed <= CARD.room() and offload.host > 16 * 6.7e9
    own = fits(need(FullConfig), Device("cuda", 40 * 10**9, 8)).ways
    assert own[0].device_memory == 40 * 10**9 and own[0].devices <= 8


def test_a_block_in_few_bits_is_put_together_in_few_bits():
    pytest.importorskip("bitsandbytes")
    fsdp: dict[str, Any] = {"strategy": STRATEGIES["fsdp"], "ranks": 8}
    floats, bits = (need(kind, **fsdp).share(1).device.weights for kind in (LoraConfig, QloraConfig))
    block, tables = 202_383_360, 2 * 32000 * 4096
    update = LoraConfig().rank * sum((4096 + 4096) * 4 + (4096 + 11008) * 3 for _ in range(32)) * 4 // 8
    assert floats == pytest.approx(2 * (32 * block + tables) / 8 + 2 * (2 * block + tables) + update, rel=0.01)
    assert bits == pytest.approx(
        0.516 * 32 * block / 8 + 2 * tables / 8 + 0.516 * 2 * block + 2 * tables + update, rel=0.01
    )


def test_more_is_divided_from_strategy_to_strategy():
    totals = {}
    for name in ("ddp", "deepspeed_zero1", "deepspeed_zero2", "deepspeed_zero3", "deepspeed_zero3_offload"):
        totals[name] = need(FullConfig, strategy=STRATEGIES[name], ranks=8).share(1)
    sizes = [one.device.total for one in totals.values()]
    assert sizes == sorted(sizes, reverse=True)
    assert [name for name, one in totals.items() if one.host] == ["deepspeed_zero3_offload"]
    weights = 6_738_415_616  # bfloat16 weights whole, the rest in eight parts: float32 gradients, weights, two averages
    second = totals["deepspeed_zero2"].device
    shared = (second.weights, second.gradients, second.optimizer)
    assert shared == pytest.approx((2 * weights, 4 * weights // 8, 12 * weights // 8), rel=1e-6)


@pytest.mark.parametrize("wrong", [0, -1, "many", 2.5, True])
def test_a_batch_is_a_number_or_auto(wrong):
    with pytest.raises(Invalid, match="auto"):
        TrainerConfig(batch=wrong)


def trained(store, batch, **method):
    torch.manual_seed(0)
    context = training_context(store / "Model" / f"batch-{batch}", batch=batch)
    config = FullConfig(objective=SftConfig(), epochs=1, batch=12, max_length=64, learning_rate=1e-3, **method)
    train(config, context)
    return load_file(context.directory / "model.safetensors")


def same(left, right):
    assert left.keys() == right.keys()
    assert all(torch.allclose(left[name], right[name], atol=2e-5) for name in left)


def test_auto_takes_what_fits_and_changes_nothing(tmp_path, monkeypatch, capsys):
    expected = trained(tmp_path, 3)
    capsys.readouterr()
    same(trained(tmp_path, "auto"), expected)
    size = int(capsys.readouterr().out.split("trainer.batch=")[1].split()[0])
    assert 1 < size <= 12
    monkeypatch.setattr(sizing, "this_device", lambda settings: Device("cpu", 1))
    same(trained(tmp_path / "small", "auto"), expected)
    assert "trainer.batch=1 (auto)" in capsys.readouterr().out


def test_what_will_not_fit_is_said_and_tried(tmp_path, monkeypatch, capsys):
    """The system would end it without a word. What surely fits is not even counted."""
    trained(tmp_path, 3)
    assert "predicted" not in capsys.readouterr().err
    expected = Path(tmp_path / "Model" / "batch-3" / "model.safetensors").read_bytes()
    monkeypatch.setattr(sizing, "this_device", lambda settings: Device("cpu", 1 << 20))
    trained(tmp_path / "small", 3)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "1.0 MB are free" in said and "`belle plan`" in said
    assert Path(tmp_path / "small" / "Model" / "batch-3" / "model.safetensors").read_bytes() == expected
    monkeypatch.setattr(sizing, "Skeleton", None)
    monkeypatch.setattr(sizing, "this_device", lambda settings: Device("cpu", 1 << 40))
    trained(tmp_path / "large", 3)


def refuse_above(tokens):
    """A loss that finds too little memory, as CUDA tells it, for larger passes."""
    whole = Sft.loss

    def loss(self, model, batch):
        found = whole(self, model, batch)
        if model.training and batch.tokens > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return found

    return loss


def test_too_large_passes_are_halved(tmp_path, monkeypatch, capsys):
    expected = trained(tmp_path, 3)
    monkeypatch.setattr(Sft, "loss", refuse_above(130))
    same(trained(tmp_path / "halved", "auto"), expected)
    assert "too little memory: trainer.batch=2" in capsys.readouterr().out


def test_a_batch_that_was_asked_for_is_not_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(Sft, "loss", refuse_above(130))
    with pytest.raises(Exception, match="too little memory"):
        trained(tmp_path, 12)


def test_a_reference_a_judge_and_answers_count():
    """Full tuning keeps the model as it started, an adapter is switched off instead; a judge is another model."""
    from belle_rl.config import GrpoConfig

    from belle_core.planning.training import method_of

    def planned(config, **options) -> Method:
        config.objective = GrpoConfig(rewards={"exact": 1.0}, group=4, **options)
        return method_of(config, skeleton(type(config)))

    assert [planned(FullConfig()).copies, planned(FullConfig(), beta=0.0).copies] == [1, 0]
    assert [planned(LoraConfig()).copies, planned(LoraConfig(init="pissa")).copies] == [0, 1]
    assert planned(LoraConfig(), reward_model="rm").copies == 1
    assert planned(LoraConfig(batch=2)).answers == 8
