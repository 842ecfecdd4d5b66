"""Full tuning through the whole pipeline."""

from __future__ import annotations

import json

import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train
from belle_objectives.config import SftConfig
from safetensors.torch import load_file
from tiny_training import ARCHITECTURE, training_context

import belle_core
from belle_core.config import ModelConfig

SMALL = [
    "model.architecture.hidden_size=48", "model.architecture.intermediate_size=64", "model.architecture.num_hidden_layers=1",
    "model.context_length=160", "trainer.accelerator=cpu", "limit=80",
]  # fmt: skip


def test_full_then_lora_from_the_command_line_and_again_from_the_store(store):
    command = ["+data=demo", "+train@steps.sft=full", "+train@steps.skill=lora", "steps.sft.epochs=1", "steps.skill.epochs=1",
               "steps.sft.learning_rate=3e-3", *SMALL]  # fmt: skip
    result = belle_core.run(command, quiet=True)
    model, adapter = result.artifacts["sft"], result.artifacts["skill"]
    assert (
        adapter.base == {"artifact": model.fingerprint}
        and 0 < adapter.trainable < adapter.parameters == model.parameters
    )
    assert model.metrics["dev_loss"] < 6.9 and adapter.metrics["dev_loss"] < model.metrics["dev_loss"] + 0.01
    assert not (model.directory / "scratch").exists() and (adapter.directory / "adapter_model.safetensors").is_file()
    lines = [json.loads(line) for line in (result.directory / "metrics.jsonl").read_text().splitlines()]
    assert any(line.get("stream") == "dev" and line["at"] == 0 for line in lines)
    again = belle_core.run(command, quiet=True)
    assert {n: a.fingerprint for n, a in again.artifacts.items()} == {
        n: a.fingerprint for n, a in result.artifacts.items()
    }


@pytest.mark.parametrize("precision", ["auto", "bf16-true"])
def test_bfloat16_models_train_and_are_stored_as_such(tmp_path, precision):
    context = training_context(tmp_path / "s" / "Model" / "a", precision=precision)
    context.shared["model"] = ModelConfig(architecture=ARCHITECTURE, context_length=128, dtype="bfloat16")
    model = train(FullConfig(objective=SftConfig(), epochs=4, batch=8, learning_rate=3e-3), context)
    assert {t.dtype for t in load_file(context.directory / "model.safetensors").values()} == {torch.bfloat16}
    assert model.metrics["dev_loss"] < 5.4
