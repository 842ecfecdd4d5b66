"""LoRA: the adapter's layout, its targets, its precision."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from belle_lora.adapters import add_adapter
from belle_lora.config import LoraConfig, QloraConfig
from belle_lora.stage import train
from belle_objectives.config import SftConfig
from safetensors.torch import load_file
from tiny_training import ARCHITECTURE, tokenizer_files, training_context
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.pytorch_utils import Conv1D

from belle_core.commands.plan import training_lines
from belle_core.config import ModelConfig
from belle_core.errors import BelleError, Invalid
from belle_core.planning.training import Training
from belle_core.training.floats import left_in_floats
from belle_core.training.loading import load_base, load_initial, load_runnable
from belle_core.training.skeleton import Skeleton


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


def test_layers_trained_whole_come_back_in_the_format_of_the_base(tmp_path):
    context = training_context(tmp_path / "s" / "Adapter" / "a", architecture={"tie_word_embeddings": False})
    context.shared["model"].dtype = "bfloat16"
    config = LoraConfig(objective=SftConfig(), epochs=0.5, batch=8, learning_rate=1e-2, whole=["embed_tokens"])
    merged = load_runnable(train(config, context)).model
    assert {p.dtype for p in merged.parameters()} == {torch.bfloat16}
    assert merged(input_ids=IDS).logits.isfinite().all()


# --- variants: what each one promises

IDS = torch.arange(3, 30)[None]
VARIANTS = {
    "rslora": {"rslora": True},
    "dora": {"dora": True},
    "pissa": {"init": "pissa"},
    "loraplus": {"b_ratio": 16.0},
    "pissa, rslora": {"init": "pissa", "rslora": True},
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_every_fresh_variant_answers_like_the_base(variant):
    wanted = built()(input_ids=IDS).logits
    fresh = add_adapter(built(), LoraConfig(rank=4, **variant), seed=1).eval()
    torch.testing.assert_close(fresh(input_ids=IDS).logits, wanted, atol=1e-5, rtol=1e-4)


def test_pissa_holds_the_largest_directions_and_leaves_the_rest():
    base = built().model.layers[0].self_attn.q_proj.weight
    layer = add_adapter(built(), LoraConfig(rank=4, alpha=8, init="pissa"), seed=1).base_model.model.model.layers[0]
    layer = layer.self_attn.q_proj
    update = 2 * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    left, values, right = torch.linalg.svd(base)
    torch.testing.assert_close(update, left[:, :4] * values[:4] @ right[:4], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(layer.base_layer.weight + update, base, atol=1e-5, rtol=1e-4)


def test_rslora_scales_by_the_root_of_the_rank():
    for rslora, scale in ((False, 12 / 9), (True, 12 / 3)):
        model = add_adapter(built(), LoraConfig(rank=9, alpha=12, rslora=rslora), seed=1)
        assert model.base_model.model.model.layers[0].mlp.up_proj.scaling["default"] == pytest.approx(scale)


def test_options_reach_the_layers():
    """DoRA's lengths of rows, which begin as those of the weights; dropout, in training alone."""
    model = add_adapter(built(), LoraConfig(rank=4, dora=True), seed=1)
    layer = model.base_model.model.model.layers[1].mlp.up_proj
    lengths = layer.lora_magnitude_vector["default"].weight
    assert lengths.requires_grad
    torch.testing.assert_close(lengths.data, layer.base_layer.weight.norm(dim=1), atol=1e-6, rtol=1e-5)
    for dropout in (0.0, 0.5):
        model = add_adapter(built(), LoraConfig(rank=4, dropout=dropout), seed=1).train()
        for name, p in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.ones_(p)
        one, two = (model(input_ids=IDS).logits for _ in range(2))
        assert torch.equal(one, two) == (dropout == 0)


def test_loraplus_moves_b_faster():
    """AdamW's first step is as long as the learning rate, whatever the gradient."""
    from belle_core.training.optimizer import build_optimizer

    config = LoraConfig(rank=4, b_ratio=16.0, learning_rate=1e-3)
    model = add_adapter(built(), config, seed=1)
    optimizer = build_optimizer(model, config)
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * group["rate_factor"]
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    for p in model.parameters():
        p.grad = torch.ones_like(p) if p.requires_grad else None
    optimizer.step()
    for name, p in model.named_parameters():
        if name in before:
            rate = 16e-3 if "lora_B" in name else 1e-3
            torch.testing.assert_close(before[name] - p, torch.full_like(p, rate), atol=1e-6, rtol=1e-3)


def trained_logits(monkeypatch, config, context, run=train):
    """The adapter, and what the model said in memory after the last step."""
    import belle_lora.stage as stage

    seen = {}

    def fit_and_ask(model, loaded, config, context, fit=stage.fit):
        metrics = fit(model, loaded, config, context)
        with torch.no_grad():
            seen["logits"] = model.eval()(input_ids=IDS).logits
        return metrics

    monkeypatch.setattr(stage, "fit", fit_and_ask)
    return run(config, context), seen["logits"]


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_merged_from_disk_answers_like_the_trained_variant(tmp_path, monkeypatch, variant, recwarn):
    config = LoraConfig(objective=SftConfig(), epochs=1, batch=8, rank=4, learning_rate=1e-2, **variant)
    context = training_context(tmp_path / "s" / "Adapter" / "a")
    adapter, unmerged = trained_logits(monkeypatch, config, context)
    assert [str(one.message) for one in recwarn] == [], "libraries' advice is not for the user"
    with torch.no_grad():
        base, merged = (
            load_base(adapter).model(input_ids=IDS).logits,
            load_runnable(adapter).model(input_ids=IDS).logits,
        )
    torch.testing.assert_close(merged, unmerged, atol=1e-4, rtol=1e-4)
    assert (merged - base).abs().max() > 1e-2


# --- QLoRA

BITS = {
    "nf4": {"format": "nf4"},
    "nf4, plain scales": {"format": "nf4", "double_quant": False},
    "int8": {"format": "int8"},
}


@pytest.mark.parametrize("bits", BITS.values(), ids=BITS)
def test_linear_layers_but_the_output_are_quantized(bits):
    pytest.importorskip("bitsandbytes")
    from belle_lora.quantized import quantize

    model = built(hidden_size=64, intermediate_size=128, tie_word_embeddings=False)
    wanted = model(input_ids=IDS).logits
    quantize(model, QloraConfig(**bits))
    kinds = {name: p.dtype for name, p in model.named_parameters()}
    low = {name for name, dtype in kinds.items() if dtype in (torch.uint8, torch.int8)}
    assert low == {name for name in kinds if "_proj" in name}
    got = model(input_ids=IDS).logits
    assert torch.nn.functional.cosine_similarity(got.flatten(), wanted.flatten(), dim=0) > 0.95
    assert not torch.equal(got, wanted)


@pytest.mark.parametrize("bits", [BITS["nf4"], BITS["nf4, plain scales"]], ids=["nf4", "plain scales"])
def test_gradients_pass_few_bits_before_and_after_an_evaluation(bits):
    """They are those beside the dequantized weights, whatever the shapes. (bitsandbytes may repack weights in evaluation.)"""
    bnb = pytest.importorskip("bitsandbytes")
    from belle_lora.quantized import quantize

    model, floats = (built(hidden_size=48, intermediate_size=72) for _ in range(2))
    quantize(model, QloraConfig(**bits))
    for name, layer in model.named_modules():
        if isinstance(layer, bnb.nn.Linear4bit):
            weight = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
            floats.get_submodule(name).weight.data = weight
    model, floats = (add_adapter(m, LoraConfig(rank=4), seed=1).train() for m in (model, floats))
    for m in (model, floats):
        for name, p in m.named_parameters():
            if "lora_B" in name:
                p.data.fill_(0.01)

    def gradients(m) -> list[torch.Tensor]:
        parts = [p for p in m.parameters() if p.requires_grad]
        return list(torch.autograd.grad(m(input_ids=IDS).logits.square().sum(), parts))

    wanted, before = gradients(floats), gradients(model)
    with torch.no_grad():
        model.eval()(input_ids=IDS)
    for first, again, reference in zip(before, gradients(model.train()), wanted, strict=True):
        torch.testing.assert_close(first, again)
        torch.testing.assert_close(first, reference, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("bits", BITS.values(), ids=BITS)
def test_qlora_trains_beside_few_bits_and_merges_into_the_floats(tmp_path, bits, dtype, caplog):
    pytest.importorskip("bitsandbytes")
    context = training_context(
        tmp_path / "s" / "Adapter" / "a", architecture={"hidden_size": 64, "intermediate_size": 72}
    )
    context.shared["model"].dtype = dtype
    config = QloraConfig(objective=SftConfig(), epochs=3, batch=8, rank=4, learning_rate=1e-2, **bits)
    adapter = train(config, context)
    assert caplog.messages == [], "libraries' advice is not for the user"
    points = [json.loads(line) for line in (context.directory / "curve.jsonl").read_text().splitlines()]
    assert points[-1]["dev"] < points[0]["dev"] - 0.1
    base, merged = load_base(adapter).model, load_runnable(adapter).model
    assert {p.dtype for p in merged.parameters()} == {getattr(torch, dtype)}
    assert adapter.parameters == sum(p.numel() for p in base.parameters())
    weights = load_file(context.directory / "adapter_model.safetensors")
    name = "model.layers.0.self_attn.q_proj"
    a, b = (weights[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
    wanted = base.get_submodule(name).weight.float() + 4 * b.float() @ a.float()  # alpha 16, rank 4
    close = {"atol": 1e-5, "rtol": 1e-5} if dtype == "float32" else {"atol": 2e-2, "rtol": 2e-2}
    torch.testing.assert_close(merged.get_submodule(name).weight.float(), wanted, **close)
    assert "quantization_config" not in json.loads((context.directory / "config.json").read_text())


OTHERS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 2},
    "falcon": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "bias": True},
    "mixtral": {"hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                "num_key_value_heads": 2, "num_local_experts": 4},
}  # fmt: skip


def other(family):
    """A model whose layers are not all ``nn.Linear``."""
    torch.manual_seed(3)
    config = AutoConfig.for_model(family, vocab_size=300, **OTHERS[family])
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()


@pytest.mark.parametrize("bits", BITS.values(), ids=BITS)
@pytest.mark.parametrize("family", ["gpt2", "falcon"])
def test_layers_that_only_are_called_otherwise_are_quantized_too(family, bits):
    """GPT-2's ``Conv1D`` and Falcon's own class: the model answers as one in floats that holds what the bits mean."""
    bnb = pytest.importorskip("bitsandbytes")
    from belle_lora.quantized import quantize

    model, floats = other(family), other(family)
    quantize(model, QloraConfig(**bits))
    quantized = {n: m for n, m in model.named_modules() if isinstance(m, (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt))}
    output = floats.get_output_embeddings()
    linear = [n for n, m in floats.named_modules() if isinstance(m, (torch.nn.Linear, Conv1D)) and m is not output]
    assert list(quantized) == linear and left_in_floats(model) == 0
    for name, module in quantized.items():
        if isinstance(module, bnb.nn.Linear4bit):
            held = bnb.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
        else:
            held = module.weight.data * (module.weight.SCB[:, None] / 127)
        layer = floats.get_submodule(name)
        wanted = layer.weight.data.T if isinstance(layer, Conv1D) else layer.weight.data
        assert (held - wanted).norm() < 0.15 * wanted.norm()
        layer.weight.data.copy_(held.T if isinstance(layer, Conv1D) else held)
    close = {"atol": 1e-5, "rtol": 1e-4} if bits["format"] == "nf4" else {"atol": 3e-2, "rtol": 3e-2}
    torch.testing.assert_close(model(input_ids=IDS).logits, floats(input_ids=IDS).logits, **close)


def test_a_layer_that_does_more_than_multiply_is_left_alone():
    pytest.importorskip("bitsandbytes")
    from belle_lora.plain import matrix_of

    class Scaled(torch.nn.Linear):
        def forward(self, x):
            return super().forward(x) * 2

    class Renamed(torch.nn.Linear):
        def forward(self, x):
            return x @ self.weight.T if self.bias is None else x @ self.weight.T + self.bias

    for bias in (True, False):
        assert matrix_of(Scaled(6, 5, bias=bias)) is None
        layer = Renamed(6, 5, bias=bias)
        assert torch.equal(matrix_of(layer), layer.weight) and layer.weight.shape == (5, 6)
        with torch.device("meta"):
            assert matrix_of(Renamed(6, 5, bias=bias)).is_meta


def test_what_stays_in_floats_is_told_by_plan_and_training(tmp_path, capsys):
    """Mixtral's experts are one tensor each, which bitsandbytes does not hold."""
    pytest.importorskip("bitsandbytes")
    context = training_context(tmp_path / "s" / "Adapter" / "a", batch=4)
    family = {"model_type": "mixtral", **OTHERS["mixtral"]}
    context.shared["model"] = ModelConfig(architecture=family, context_length=128)
    config = QloraConfig(objective=SftConfig(), epochs=0.1, batch=8, rank=4)
    adapter = train(config, context)
    model = load_base(adapter).model
    experts = sum(p.numel() for n, p in model.named_parameters() if "mlp" in n)
    assert f"{experts / adapter.parameters:.1%} of the weights stay in floats" in capsys.readouterr().out
    values = model.config.to_dict()
    skeleton = Skeleton(values, config, context.shared["trainer"], stored="float32", frozen=True, logits="parts")
    assert skeleton.in_floats == experts / adapter.parameters > 0.3
    assert "quantized" not in say_in_floats(0.0) and f"{skeleton.in_floats:.1%} of the weights" in say_in_floats(
        skeleton.in_floats
    )


def say_in_floats(share: float) -> str:
    """What ``belle plan`` shows of a training step."""
    return "\n".join(training_lines("train", Training(examples=3, parameters=100, in_floats=share)))


def test_a_model_without_a_layer_to_quantize_is_refused():
    pytest.importorskip("bitsandbytes")
    from belle_lora.quantized import quantize

    model = other("gpt2")
    for block in model.transformer.h:
        block.attn = block.mlp = torch.nn.Identity()
    with pytest.raises(BelleError, match="GPT2LMHeadModel has no linear layer to quantize; say train=lora"):
        quantize(model, QloraConfig())


def test_an_adapter_beside_a_quantized_conv1d_merges_into_the_floats(tmp_path):
    """What was trained as an update of the matrix ``(outputs, inputs)`` reaches GPT-2's ``(inputs, outputs)``."""
    pytest.importorskip("bitsandbytes")
    context = training_context(tmp_path / "s" / "Adapter" / "a", batch=4)
    context.shared["model"] = ModelConfig(architecture={"model_type": "gpt2", **OTHERS["gpt2"]}, context_length=128)
    adapter = train(QloraConfig(objective=SftConfig(), epochs=1, batch=8, rank=4, learning_rate=1e-2), context)
    weights = load_file(context.directory / "adapter_model.safetensors")
    base, merged = load_base(adapter).model, load_runnable(adapter).model
    for name in ("transformer.h.0.attn.c_attn", "transformer.h.1.mlp.c_proj"):
        a, b = (weights[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
        wanted = base.get_submodule(name).weight + 4 * (b @ a).T  # alpha 16, rank 4
        torch.testing.assert_close(merged.get_submodule(name).weight, wanted, atol=1e-5, rtol=1e-5)
        assert b.norm() > 0


def test_loftq_begins_closer_to_the_base():
    bnb = pytest.importorskip("bitsandbytes")
    from belle_lora.adapters import begin_with
    from belle_lora.quantized import quantize

    weights = dict(built().named_parameters())
    wanted, model, config = built()(input_ids=IDS).logits, built(), QloraConfig(rank=8, alpha=32, init="loftq")
    lost = quantize(model, config)
    plain = model(input_ids=IDS).logits
    model = add_adapter(model, config, seed=1).eval()
    begin_with(model, lost)
    assert (model(input_ids=IDS).logits - wanted).norm() < 0.9 * (plain - wanted).norm()
    layer = model.base_model.model.model.layers[0].mlp.up_proj
    held = bnb.functional.dequantize_4bit(layer.base_layer.weight.data, layer.base_layer.weight.quant_state)
    residual = weights["model.layers.0.mlp.up_proj.weight"] - held
    best = torch.linalg.svdvals(residual)[8:].norm()
    assert (residual - layer.get_delta_weight("default")).norm().item() == pytest.approx(best.item(), rel=0.02)


def test_loftq_adapter_states_the_change_of_the_floats(tmp_path, monkeypatch):
    """Beside the bits the model is ``Q + B A``, at first ``Q + B0 A0``; merged into the floats it is ``W + B A - B0 A0``."""
    pytest.importorskip("bitsandbytes")
    import belle_lora.stage as stage

    seen = {}

    def fit_and_look(model, loaded, config, context, fit=stage.fit):
        layer = model.base_model.model.model.layers[1].self_attn.v_proj
        seen["first"] = layer.get_delta_weight("default").clone()
        metrics = fit(model, loaded, config, context)
        seen["last"] = layer.get_delta_weight("default").clone()
        return metrics

    monkeypatch.setattr(stage, "fit", fit_and_look)
    config = QloraConfig(objective=SftConfig(), epochs=1, batch=8, rank=4, learning_rate=1e-2, init="loftq")
    adapter = train(config, training_context(tmp_path / "s" / "Adapter" / "a"))
    name = "model.layers.1.self_attn.v_proj.weight"
    base, merged = load_base(adapter).model.get_parameter(name), load_runnable(adapter).model.get_parameter(name)
    assert seen["first"].norm() > 0
    torch.testing.assert_close(merged - base, seen["last"] - seen["first"], atol=1e-5, rtol=1e-3)


def test_pissa_and_bits_do_not_go_together():
    with pytest.raises(Invalid, match="pissa needs a base in floats"):
        QloraConfig(init="pissa")
    with pytest.raises(Invalid, match="pissa cannot be combined with dora"):
        LoraConfig(init="pissa", dora=True)
    with pytest.raises(Invalid, match="loftq goes with format=nf4"):
        QloraConfig(init="loftq", format="int8")
    with pytest.raises(Invalid, match="init must be one of zero, pissa"):
        LoraConfig(init="loftq")


@pytest.mark.parametrize("bits", BITS.values(), ids=BITS)
def test_few_bits_come_from_another_process(bits):
    """Weights become plain tensors, scales other ones; a process without weights has the same shapes."""
    pytest.importorskip("bitsandbytes")
    from belle_lora.quantized import quantize

    model = built()
    with torch.device("meta"):
        hollow = built()
    for one in (model, hollow):
        quantize(one, QloraConfig(**bits))
    shapes = [[(n, t.shape, t.dtype) for n, t in (*m.named_parameters(), *m.named_buffers())] for m in (model, hollow)]
    assert shapes[0] == shapes[1]
    wanted = model(input_ids=IDS).logits
    for name, module in model.named_modules():
        to = hollow.get_submodule(name)
        for n, p in module.named_parameters(recurse=False):
            to._parameters[n] = torch.nn.Parameter(p.detach().as_subclass(torch.Tensor).clone(), p.requires_grad)
        to._buffers |= {n: b.clone() for n, b in module.named_buffers(recurse=False)}
    assert torch.equal(hollow(input_ids=IDS).logits, wanted)


@pytest.mark.parametrize("bits", BITS.values(), ids=BITS)
def test_scales_stay_as_they_are_when_floats_are_converted(bits):
    pytest.importorskip("bitsandbytes")
    from belle_lora.quantized import quantize

    model, before = built().bfloat16(), built().bfloat16()
    for one in (model, before):
        quantize(one, QloraConfig(**bits))
    model.float().bfloat16()
    assert torch.equal(model(input_ids=IDS).logits, before(input_ids=IDS).logits)
