"""Numbers of weights against transformers and peft themselves."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from belle_core.planning.architecture import Architecture, read_config

SMALL = {
    "vocab_size": 1000,
    "hidden_size": 96,
    "intermediate_size": 200,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
}
LLAMA_7B = {
    "model_type": "llama",
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "tie_word_embeddings": False,
}
MODELS = {
    "llama": {"model_type": "llama", "tie_word_embeddings": False},
    "llama tied": {"model_type": "llama", "tie_word_embeddings": True},
    "llama without groups": {"model_type": "llama", "num_key_value_heads": 6},
    "llama with wide heads": {"model_type": "llama", "head_dim": 32},
    "llama with biases": {"model_type": "llama", "attention_bias": True, "mlp_bias": True},
    "mistral": {"model_type": "mistral"},
    "qwen2": {"model_type": "qwen2", "tie_word_embeddings": True},
    "qwen3": {"model_type": "qwen3", "head_dim": 32},
    "qwen3 default heads": {"model_type": "qwen3"},
    "gemma": {"model_type": "gemma"},
}


def built(values: dict):
    """The model that transformers builds, without memory for its weights."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(**values))


def count(model) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("values", MODELS.values(), ids=MODELS.keys())
def test_parameters_are_those_of_transformers(values):
    architecture = Architecture.of(SMALL | values)
    assert architecture is not None
    assert architecture.parameters == count(built(SMALL | values))


def test_llama_7b_has_its_known_size():
    architecture = Architecture.of(LLAMA_7B)
    assert architecture is not None and architecture.parameters == count(built(LLAMA_7B)) == 6_738_415_616


@pytest.mark.parametrize("targets", [["all-linear"], ["q_proj", "v_proj"], ["down_proj"]], ids=lambda t: t[0])
@pytest.mark.parametrize("rank", [1, 8])
def test_adapters_are_those_of_peft(rank, targets):
    values = SMALL | MODELS["llama"]
    wanted = targets[0] if targets == ["all-linear"] else targets
    model = get_peft_model(built(values), LoraConfig(r=rank, target_modules=wanted, task_type="CAUSAL_LM"))
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    architecture = Architecture.of(values)
    assert architecture is not None
    assert sum(weight.size for weight in architecture.adapter(rank, targets) or ()) == trainable


def test_a_layer_that_is_not_known_here_has_no_number():
    architecture = Architecture.of(SMALL | MODELS["llama"])
    assert architecture is not None and architecture.adapter(8, ["q_proj", "lm_head"]) is None


def test_the_tokenizer_decides_the_vocabulary_of_a_model_that_is_built():
    without = {name: value for name, value in SMALL.items() if name != "vocab_size"}
    assert Architecture.of(without) is None
    architecture = Architecture.of(without, 1000)
    assert architecture is not None and architecture.parameters == count(built(SMALL | {"model_type": "llama"}))


@pytest.mark.parametrize("values", [{"model_type": "bloom"}, {"hidden_size": None}, {"num_hidden_layers": 0}], ids=str)
def test_what_is_no_llama_is_unknown(values):
    assert Architecture.of(SMALL | {"model_type": "llama"} | values) is None


def test_a_damaged_config_is_no_config(tmp_path):
    assert read_config(tmp_path) is None
    (tmp_path / "config.json").write_text("[1", encoding="utf-8")
    assert read_config(tmp_path) is None
