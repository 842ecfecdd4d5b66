"""Freeze tuning: which weights train, and that the others stay bit for bit."""

from __future__ import annotations

import pytest
import torch
from belle_freeze.config import FreezeConfig
from belle_freeze.frozen import freeze
from belle_freeze.stage import train
from belle_objectives.config import SftConfig
from safetensors.torch import load_file
from tiny_training import ARCHITECTURE, tokenizer_files, training_context

from belle_core.config import ModelConfig
from belle_core.errors import BelleError
from belle_core.training.loading import load_initial, load_start

FAMILIES = {
    "llama": {},
    "bloom": {"model_type": "bloom", "n_layer": 2, "n_head": 2},
    "gpt2": {"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 32},
}
LAST = {"llama": "model.layers.1.", "bloom": "transformer.h.1.", "gpt2": "transformer.h.1."}
NORM = {"llama": "model.norm.", "bloom": "transformer.ln_f.", "gpt2": "transformer.ln_f."}


def built(family="llama", **changes):
    own = FAMILIES[family]
    architecture = {**(ARCHITECTURE if family == "llama" else {"hidden_size": 32}), **own, **changes}
    return load_initial(ModelConfig(architecture=architecture, context_length=64), 1, tokenizer_files()).model


def trainable(model) -> set[str]:
    return {name for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_layers_train(family):
    model = built(family)
    freeze(model, FreezeConfig(layers=1))
    assert trainable(model) == {name for name, _ in model.named_parameters() if name.startswith(LAST[family])}
    freeze(model, FreezeConfig(layers=1, norm=True))
    assert {name for name in trainable(model) if not name.startswith(LAST[family])} == {
        name for name, _ in model.named_parameters() if name.startswith(NORM[family])
    }


def test_the_head_of_a_tied_model_is_its_embedding():
    tied, untied = built(), built(tie_word_embeddings=False)
    for model, name in ((tied, "model.embed_tokens.weight"), (untied, "lm_head.weight")):
        freeze(model, FreezeConfig(layers=1, head=True))
        assert name in trainable(model)
    assert "model.embed_tokens.weight" not in trainable(untied)


def test_more_layers_than_there_are():
    with pytest.raises(BelleError, match=r"train\.layers=3: this model has 2 layers"):
        freeze(built(), FreezeConfig(layers=3))


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_trains_moves_and_the_rest_is_bit_equal(tmp_path, dtype, recompute):
    context = training_context(tmp_path / "s" / "Model" / "a", gradient_checkpointing=recompute)
    context.shared["model"].dtype = dtype
    before = load_start(context).model
    config = FreezeConfig(objective=SftConfig(), layers=1, norm=True, epochs=1, batch=8, learning_rate=3e-2)
    train(config, context)
    after = load_file(context.directory / "model.safetensors")
    freeze(before, config)
    for name, p in before.named_parameters():
        assert after[name].dtype == getattr(torch, dtype)
        assert torch.equal(after[name], p) != p.requires_grad, name
