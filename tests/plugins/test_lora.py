"""LoRA: the adapter's layout, its targets, its precision."""

from __future__ import annotations

import json

import pytest
import torch
from belle_lora.adapters import add_adapter
from belle_lora.config import LoraConfig
from belle_lora.stage import train
from belle_objectives.config import SftConfig
from safetensors.torch import load_file
from tiny_training import ARCHITECTURE, tokenizer_files, training_context

from belle_core.config import ModelConfig
from belle_core.errors import BelleError
from belle_core.training.loading import load_initial


def built(**architecture):
    return load_initial(
        ModelConfig(architecture=ARCHITECTURE | architecture, context_length=64), 1, tokenizer_files()
    ).model


def test_a_fresh_adapter_changes_nothing_and_follows_the_seed():
    ids = torch.arange(3, 30)[None]
    wanted = built()(input_ids=ids).logits
    first, again, other = (add_adapter(built(), LoraConfig(rank=4), seed=seed) for seed in (1, 1, 2))
    torch.testing.assert_close(first(input_ids=ids).logits, wanted)
    same = [torch.equal(p, q) for p, q in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same) and not all(torch.equal(p, q) for p, q in zip(first.parameters(), other.parameters(), strict=True))


def test_targets_choose_the_layers():
    every = {
        name.split(".")[-4]
        for name, p in add_adapter(built(), LoraConfig(), seed=1).named_parameters()
        if p.requires_grad
    }
    assert every == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    two = add_adapter(built(), LoraConfig(targets=["q_proj", "v_proj"]), seed=1)
    assert {name.split(".")[-4] for name, p in two.named_parameters() if p.requires_grad} == {"q_proj", "v_proj"}


def test_targets_that_cannot_work_are_named():
    with pytest.raises(BelleError, match=r"train.targets=\['query'\]: no such layer; this model has .*q_proj"):
        add_adapter(built(), LoraConfig(targets=["q_proj", "query"]), seed=1)
    with pytest.raises(BelleError, match="embedding and output share their weights"):
        add_adapter(built(), LoraConfig(targets=["lm_head"]), seed=1)
    add_adapter(built(tie_word_embeddings=False), LoraConfig(targets=["lm_head"]), seed=1)


def test_adapter_directory_is_plain_peft(tmp_path):
    context = training_context(tmp_path / "s" / "Adapter" / "a")
    adapter = train(LoraConfig(objective=SftConfig(), epochs=0.2, batch=8, rank=4, alpha=12), context)
    about = json.loads((context.directory / "adapter_config.json").read_text())
    assert (about["r"], about["lora_alpha"], about["peft_type"]) == (4, 12, "LORA")
    weights = load_file(context.directory / "adapter_model.safetensors")
    assert sum(t.numel() for t in weights.values()) == adapter.trainable
    assert adapter.base["seed"] == 7 and adapter.base["model"]["architecture"] == ARCHITECTURE
    assert {"generation_config.json", "tokenizer.model", "chat_template.jinja"} <= {
        p.name for p in context.directory.iterdir()
    }


def test_adapters_of_a_bfloat16_model_train_in_float32(tmp_path):
    context = training_context(tmp_path / "s" / "Adapter" / "a")
    context.shared["model"] = ModelConfig(architecture=ARCHITECTURE, context_length=128, dtype="bfloat16")
    adapter = train(LoraConfig(objective=SftConfig(), epochs=2, batch=8, learning_rate=1e-2), context)
    weights = load_file(adapter.directory / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    points = [json.loads(line) for line in (context.directory / "curve.jsonl").read_text().splitlines()]
    assert points[-1]["dev"] < points[0]["dev"]
