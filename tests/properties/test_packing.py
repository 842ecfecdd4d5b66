"""Packing: the loss and the gradient are those of padded sequences, and no sequence of a pack sees another."""

from __future__ import annotations

import copy

import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train as train_full
from belle_lora.adapters import add_adapter
from belle_lora.config import LoraConfig
from belle_objectives.config import SftConfig
from belle_objectives.sft import Sft
from safetensors.torch import load_file
from tiny_training import training_context
from transformers import AutoConfig, AutoModelForCausalLM

from belle_core.encoding import Encoded
from belle_core.training.batches import Passes, collate
from belle_core.training.examples import EncodedExamples
from belle_core.training.losses import answer_loss, label_logits, last_hidden, last_logits
from belle_core.training.packing import can_pack, packing
from belle_core.training.segments import CannotPack

SFT = Sft(SftConfig())
SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": 97, "head_dim": 16}
FAMILIES = {
    "llama": {"num_key_value_heads": 4},
    "llama grouped": {"model_type": "llama", "num_key_value_heads": 2},
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 1},
    "mistral": {"num_key_value_heads": 2, "sliding_window": 4096},
    "gemma": {"num_key_value_heads": 1},
    "phi3": {"num_key_value_heads": 2},
}


def built(name: str, **more):
    options = {"model_type": name, "num_attention_heads": 4, "pad_token_id": 0} | SIZES | FAMILIES.get(name, {}) | more
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**options))
    with torch.no_grad():  # far from the start, so that attention has something to say
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    return model


def data(lengths, seed=0, width=1) -> EncodedExamples:
    draw = torch.Generator().manual_seed(seed)
    encoded = EncodedExamples()
    for length in lengths:
        sequences = []
        for _ in range(width):
            weights = [0.0] * (length // 2) + [1.0, 0.5] * length
            sequences.append(Encoded(torch.randint(1, 97, (length,), generator=draw).tolist(), weights[:length]))
        encoded.add(sequences, SFT.amount([sum(sequence.weights[1:]) for sequence in sequences]))
    return encoded


def loss_and_gradients(model, batch):
    model = copy.deepcopy(model).train()
    loss = answer_loss(model, batch) / batch.weights.sum()
    loss.backward()
    return loss.detach(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", FAMILIES)
def test_loss_and_gradients_are_those_of_padded_sequences(name):
    model, examples = built(name), data([19, 7, 2, 33, 18, 8])
    padded = loss_and_gradients(model, collate(examples, range(6)))
    with packing(model, 64) as can:
        assert can
        packed = loss_and_gradients(model, collate(examples, range(6), packed=True))
    torch.testing.assert_close(packed[0], padded[0], atol=1e-5, rtol=1e-5)
    assert packed[1].keys() == padded[1].keys()
    for key, gradient in padded[1].items():
        torch.testing.assert_close(packed[1][key], gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_changed_sequence_changes_no_logit_of_another(name):
    model, examples, changed = built(name).eval(), data([9, 14, 11]), data([9, 14, 11])
    changed.ids[9:23] = type(changed.ids)("i", [(i + 5) % 97 for i in changed.ids[9:23]])
    with packing(model, 64), torch.no_grad():
        before, after = (collate(d, [0, 1, 2], packed=True) for d in (examples, changed))
        one, two = label_logits(model, before), label_logits(model, after)
    others = before.rows != 1
    assert torch.equal(one[others], two[others]) and not torch.equal(one[~others], two[~others])


def test_the_last_token_of_every_sequence_is_at_hand():
    """For rewards: packed and padded, chosen and rejected side by side."""
    model, examples = built("qwen2").eval(), data([9, 14, 3], width=2)
    with packing(model, 64), torch.no_grad():
        packed, padded = (collate(examples, [2, 0], packed=how) for how in (True, False))
        hidden, logits = last_hidden(model, packed), last_logits(model, packed)
        torch.testing.assert_close(hidden, last_hidden(model, padded), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(logits, model.lm_head(hidden), atol=1e-5, rtol=1e-4)
    assert packed.sequences == padded.sequences == 4 and packed.lengths == (3, 3, 9, 9)
    assert torch.equal(packed.rows, padded.rows) and torch.equal(packed.targets, padded.targets)
    assert packed.ids.shape == (1, 24) and packed.positions[0, :7].tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_adapters_and_recomputation_go_together_with_packs():
    model = add_adapter(built("llama"), LoraConfig(rank=2), seed=1)
    batches = [collate(data([9, 14, 11]), range(3), packed=how) for how in (True, False)]
    plain = loss_and_gradients(model, batches[1])
    with packing(model, 64) as can:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        packed = loss_and_gradients(model, batches[0])
    assert can and len(plain[1]) == 2 * 2 * 7
    for key, gradient in plain[1].items():
        torch.testing.assert_close(packed[1][key], gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bloom", {"n_head": 4, "n_layer": 2}),
        ("mistral", {"sliding_window": 32}),
        ("gemma3_text", {"sliding_window": 32, "num_key_value_heads": 1}),
        ("gemma2", {"num_key_value_heads": 1, "sliding_window": 4096}),
        ("llama", {"attention_dropout": 0.1}),
        ("mamba", {"state_size": 4}),
        (
            "lfm2",
            {"layer_types": ["conv", "full_attention"], "num_key_value_heads": 2},
        ),  # runs, but what convolves leaks
        ("gpt_neox", {"_attn_implementation": "eager"}),
    ],
)
def test_models_that_cannot_are_found_out_and_left_as_they_are(name, options):
    model = built(name, **options)
    before = model.config._attn_implementation
    assert not can_pack(model, 64)
    with packing(model, 64) as can:
        assert not can
    assert model.config._attn_implementation == before


def test_a_window_that_no_sequence_fills_is_no_obstacle():
    assert can_pack(built("mistral", sliding_window=64), 64)
    with packing(built("mistral", sliding_window=64), 64) as _:
        pass
    model = built("mistral", sliding_window=8)
    model.set_attn_implementation("belle_segments")
    with pytest.raises(CannotPack, match="a window of 8 tokens"):
        answer_loss(model, collate(data([9]), [0], packed=True))


def test_generation_in_between_is_what_it_was():
    model, ids = built("llama").eval(), torch.tensor([[0, 0, 5, 6], [3, 4, 5, 6]])
    options = {"attention_mask": (ids > 0).long(), "max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}
    before = model.generate(ids, **options)
    with packing(model, 64):
        assert torch.equal(model.generate(ids, **options), before)


@pytest.mark.parametrize("width", [1, 2])
def test_passes_hold_every_example_once_and_keep_to_their_tokens(width):
    draw = torch.Generator().manual_seed(3)
    encoded = data([*torch.randint(2, 60, (50,), generator=draw).tolist(), 400], width=width)
    order = encoded.lengths.argsort()
    parts = Passes(8, 256).split(encoded, order)
    assert sorted(e for part in parts for e in part) == list(range(51))
    batches = [collate(encoded, part, packed=True) for part in parts]
    total = sum(b.tokens for b in batches if b.tokens <= 256)
    assert [b.tokens for b in batches if b.tokens > 256] == [400 * width]
    assert len(batches) - 1 == -(-total // 256), "best-fit leaves no pass to spare here"


def test_training_does_not_depend_on_packing(tmp_path):
    weights = []
    for packed in (True, False):
        context = training_context(tmp_path / str(packed) / "Model" / "a", packing=packed)
        train_full(FullConfig(objective=SftConfig(), epochs=1, batch=8, learning_rate=1e-3), context)
        weights.append(load_file(context.directory / "model.safetensors"))
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, atol=1e-4, rtol=1e-3)
