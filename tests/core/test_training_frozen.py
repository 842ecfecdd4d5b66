"""Products with frozen weights that were laid out once are those of torch, as long as the weight stays what it was."""

import copy

import pytest
import torch
from belle_lora.adapters import add_adapter
from belle_lora.config import LoraConfig
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from belle_core.training.fast import faster, frozen, laid_out
from belle_core.training.fast.frozen import Frozen, Packed

draw = torch.Generator().manual_seed(0)
bfloat16 = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
needs_onednn = pytest.mark.skipif(not bfloat16, reason="oneDNN does not multiply bfloat16 here")
TYPES = {torch.float32: 1e-5, torch.bfloat16: 1e-2}


def plain():
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=90, **sizes))


def model():
    return add_adapter(plain(), LoraConfig(rank=2, targets=["q_proj", "down_proj"]), seed=1)


def weights_of(network):
    return [layer.base_layer.weight for layer in network.modules() if hasattr(layer, "lora_A")]


@needs_onednn
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("tokens", [1, 7, 300])
def test_products_are_those_of_torch(dtype, tokens):
    weight, bias = torch.randn(70, 33, generator=draw).to(dtype), torch.randn(70, generator=draw).to(dtype)
    x, grad = torch.randn(tokens, 33, generator=draw).to(dtype), torch.randn(tokens, 70, generator=draw).to(dtype)
    near = {"rtol": TYPES[dtype], "atol": 10 * TYPES[dtype]}
    packed = Packed(weight)
    torch.testing.assert_close(packed.ahead(x, bias), functional.linear(x, weight, bias), **near)
    torch.testing.assert_close(packed.ahead(x), Frozen(weight).ahead(x), **near)
    torch.testing.assert_close(packed.back(grad), Frozen(weight).back(grad), **near)


@needs_onednn
def test_counting_another_model_within_leaves_layouts_as_they_are():
    """As a run does that plans its own memory."""
    network = model()
    weight = weights_of(network)[0]
    with faster(network):
        first = frozen.frozen(weight, torch.bfloat16)
        with faster(plain()):
            pass
        assert isinstance(first, Packed) and frozen.frozen(weight, torch.bfloat16) is first


@needs_onednn
def test_a_weight_is_laid_out_once_and_anew_when_it_has_changed():
    network = model()
    weight = weights_of(network)[0]
    with faster(network):
        first = frozen.frozen(weight, torch.bfloat16)
        assert isinstance(first, Packed) and frozen.frozen(weight, torch.bfloat16) is first
        with torch.no_grad():
            weight.mul_(2)
        x = torch.randn(5, weight.shape[1], generator=draw)
        near = {"rtol": 1e-2, "atol": 1e-2}
        torch.testing.assert_close(
            frozen.frozen(weight, torch.bfloat16).ahead(x.bfloat16()), (x @ weight.t()).bfloat16(), **near
        )
    assert type(frozen.frozen(weight, torch.bfloat16)) is Frozen  # nothing stays behind


@needs_onednn
def test_no_copy_is_made_without_room_for_all(monkeypatch):
    network = model()
    assert laid_out(network) == sum(
        4 * p.numel() for p in (*weights_of(network), network.get_output_embeddings().weight)
    )
    for share, kind in ((0.25, Packed), (1e-9, Frozen)):
        monkeypatch.setattr(frozen, "SHARE", share)
        with faster(network):
            found = {type(frozen.frozen(weight, torch.bfloat16)) for weight in weights_of(network)}
        assert found == {kind}


def test_what_trains_is_never_laid_out():
    network = plain()
    assert laid_out(network) == 0
    with faster(network):
        assert type(frozen.frozen(network.lm_head.weight, torch.bfloat16)) is Frozen


@pytest.mark.parametrize("order", ["qkv", "vqk", "kk", "qqv"])
def test_layers_with_one_input_may_be_called_in_any_order(order):
    network = add_adapter(plain(), LoraConfig(rank=2, targets=["all-linear"]), seed=1)
    attention = network.get_base_model().model.layers[0].self_attn
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.add_(torch.randn(weight.shape, generator=draw) * 0.1 if "lora_B" in name else 0)
    x, y = torch.randn(2, 5, 32, generator=draw)
    layers = [getattr(attention, f"{name}_proj") for name in order]
    expected = [(layer(x), layer(y)) for layer in layers]
    with faster(network):
        copied = copy.deepcopy(attention)
        for layer, (of_x, _), name in zip(layers, expected, order, strict=True):
            torch.testing.assert_close(layer(x), of_x)
            torch.testing.assert_close(getattr(copied, f"{name}_proj")(x), of_x)
        for layer, (_, of_y) in zip(layers, expected, strict=True):
            torch.testing.assert_close(layer(y), of_y)
