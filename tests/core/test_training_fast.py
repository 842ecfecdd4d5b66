"""The faster pieces against the layers that they stand for, and their gradients against differences."""

from __future__ import annotations

import copy
import importlib
import inspect
import subprocess
import sys

import pytest
import torch
from belle_lora.adapters import add_adapter
from belle_lora.config import LoraConfig
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.llama import modeling_llama

from belle_core.config import TrainerConfig
from belle_core.encoding import Encoded
from belle_core.training.batches import Batch, collate
from belle_core.training.examples import EncodedExamples
from belle_core.training.fast import attention as attention_module
from belle_core.training.fast import faster, patching, products
from belle_core.training.fast import loss as loss_module
from belle_core.training.fast.attention import SegmentAttention
from belle_core.training.fast.frozen import Frozen
from belle_core.training.fast.lora import LoraLinear
from belle_core.training.fast.loss import LabelLosses, WeightedLoss
from belle_core.training.fast.norm import RmsNorm
from belle_core.training.fast.patching import ALIKE
from belle_core.training.fast.products import Linear
from belle_core.training.fast.rotary import Rotation
from belle_core.training.fast.swiglu import SwiGlu
from belle_core.training.losses import PLAIN_OUTPUTS, answer_loss, label_logits, plain_output, token_losses
from belle_core.training.packing import packing
from belle_core.training.preparing import prepare
from belle_core.training.segments import Segments

draw = torch.Generator().manual_seed(0)


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=draw).requires_grad_()


def angles(time, size):
    angle = torch.rand(1, 1, time, size, dtype=torch.float64, generator=draw)
    return angle.cos(), angle.sin()


TARGETS = torch.tensor([0, 3, 10, 3, 7])
WEIGHTS = torch.tensor([1.0, 0.5, 2.0, 1.0, 0.25], dtype=torch.float64)
FROZEN, BIAS, OUTPUT = random(7, 6).detach(), random(7).detach(), random(11, 6).detach()
ROWS = Segments((3, 1, 6, 5))
PIECES = {
    "norm": (lambda x, w: RmsNorm.apply(x, w, 1e-6, None), (random(2, 3, 8), random(8))),
    "rotary": (lambda x: Rotation.apply(x, *angles_), (random(1, 2, 5, 8),)),
    "swiglu": (SwiGlu.apply, (random(4, 6), random(4, 6))),
    "linear": (Linear.apply, (random(2, 3, 6), random(7, 6), random(7))),
    "lora": (
        lambda x, *factors: LoraLinear.apply(x, [(Frozen(FROZEN), BIAS, 1.5), (Frozen(OUTPUT), None, 0.5)], *factors),
        (random(2, 3, 6), random(2, 6), random(7, 2), random(3, 6), random(11, 3)),
    ),
    "attention": (
        lambda q, k, v: SegmentAttention.apply(q, k, v, ROWS, 0.7),
        (random(4, 15, 4), random(2, 15, 4), random(2, 15, 4)),
    ),
    "losses": (lambda h: LabelLosses.apply(h, Frozen(OUTPUT), TARGETS), (random(5, 6),)),
    "weighted": (lambda h, w: WeightedLoss.apply(h, w, TARGETS, WEIGHTS), (random(5, 6), random(11, 6))),
}
angles_ = angles(5, 4)


@pytest.mark.parametrize("name", PIECES)
def test_gradients_are_the_slopes(name, monkeypatch):
    monkeypatch.setitem(loss_module.LOGITS, "cpu", 22)  # two labels at a time
    monkeypatch.setitem(loss_module.TRAINED, "cpu", 22 * 8)
    monkeypatch.setattr(loss_module, "SHARES", 11)
    function, inputs = PIECES[name]
    assert torch.autograd.gradcheck(function, inputs, check_undefined_grad=False)


@pytest.mark.parametrize("spread", [1.0, 300.0])
def test_a_label_that_the_model_rules_out_has_its_whole_loss(spread):
    """exp(-loss) is no float32 any more; the loss is far beyond it, and finite."""
    draw = torch.Generator().manual_seed(3)
    hidden, weight = torch.randn(9, 6, generator=draw), torch.randn(11, 6, generator=draw) * spread
    targets, weights = torch.randint(11, (9,), generator=draw), torch.rand(9, generator=draw)
    expected = functional.cross_entropy(hidden @ weight.t(), targets, reduction="none")
    assert (expected > 100).any() == (spread > 1)
    torch.testing.assert_close(LabelLosses.apply(hidden, Frozen(weight), targets), expected)
    torch.testing.assert_close(WeightedLoss.apply(hidden, weight, targets, weights), (expected * weights).sum())


@pytest.mark.parametrize("family", ALIKE)
def test_the_known_families_still_share_their_source(family):
    """What is replaced is LLaMA's in every family; a new version of transformers may change that."""
    module = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
    source = inspect.getsource
    for name in ("RMSNorm", "MLP"):
        theirs, llamas = (getattr(m, p + name) for m, p in ((module, ALIKE[family]), (modeling_llama, "Llama")))
        assert source(theirs.forward) == source(llamas.forward)
    attention = source(getattr(module, ALIKE[family] + "Attention").forward)
    assert all(f"self.{name}(hidden_states)" in attention for name in patching.SHARED[0])
    for name in ("apply_rotary_pos_emb", "rotate_half"):
        assert source(getattr(module, name)) == source(getattr(modeling_llama, name))


def test_models_with_plain_outputs_still_do_nothing_to_their_logits():
    for name in PLAIN_OUTPUTS:
        family = name.removesuffix("ForCausalLM").lower()
        module = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
        lines = [line.strip() for line in inspect.getsource(getattr(module, name).forward).splitlines()]
        made = [line for line in lines if line.startswith(("logits =", "logits[", "logits."))]
        assert made in (
            ["logits = self.lm_head(hidden_states)"],
            ["logits = self.lm_head(hidden_states[:, slice_indices, :])"],
        )


def built(family, **more):
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "vocab_size": 61, "head_dim": 8}
    config = AutoConfig.for_model(family, num_attention_heads=4, num_key_value_heads=2, pad_token_id=0, **sizes | more)
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    return model


def batch() -> Batch:
    encoded = EncodedExamples()
    for _ in range(3):
        ids = torch.randint(1, 61, (20,), generator=draw).tolist()
        encoded.add([Encoded(ids, [0.0, 1.0, 0.5, 2.0, 1.5] * 4)], 1.0)
    return collate(encoded, range(3))


def plain_loss(model, batch):
    return (functional.cross_entropy(label_logits(model, batch).float(), batch.targets, reduction="none") * batch.weights).sum()  # fmt: skip


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("method", ["full", "lora", "tied"])
@pytest.mark.parametrize("family", ALIKE)
def test_a_whole_model_has_the_same_loss_and_gradients(family, method, monkeypatch):
    monkeypatch.setitem(loss_module.LOGITS, "cpu", 600)
    monkeypatch.setitem(loss_module.TRAINED, "cpu", 4 * 600)
    model, data = built(family, tie_word_embeddings=method == "tied").train(), batch()
    if method == "lora":
        model = add_adapter(model, LoraConfig(rank=4), seed=1)
        with torch.no_grad():
            for name, p in model.named_parameters():
                p.add_(torch.randn_like(p) * 0.1 if "lora_B" in name else 0)
    slow = plain_loss(model, data)
    expected = gradients(model, slow)
    with faster(model):
        assert sum("forward" in vars(m) for m in model.modules()) >= 7
        fast = answer_loss(model, data)
        found = gradients(model, fast)
    assert not any("forward" in vars(m) for m in model.modules())
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-5)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=2e-5, rtol=1e-4)


def test_large_linear_layers_in_float32_are_those_of_torch(monkeypatch):
    layer, x = nn.Linear(24, 40), torch.randn(3, 7, 24, requires_grad=True)
    inputs = [x, layer.weight, layer.bias]
    expected = torch.autograd.grad(layer(x).square().sum(), inputs)
    monkeypatch.setattr(products, "LEAST", 1)
    monkeypatch.setattr(patching, "LEAST", 1)
    model = built("llama")
    model.add_module("extra", layer)
    with faster(model):
        out = layer(x)
        assert type(out.grad_fn).__name__ == "LinearBackward"
        found = torch.autograd.grad(out.square().sum(), inputs)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_losses_per_label_may_be_used_in_any_way():
    """As a preference loss does: the gradient from above is not known while the losses are made."""
    model, data = add_adapter(built("llama"), LoraConfig(rank=4), seed=1), batch()
    assert plain_output(model) is not None
    results = []
    for losses in (token_losses(model, data), functional.cross_entropy(label_logits(model, data), data.targets, reduction="none")):  # fmt: skip
        sums = torch.zeros(3).index_add(0, data.rows, -losses)
        results.append(gradients(model, -functional.logsigmoid(sums[0] - sums[1] + sums[2].tanh())))
    for name, gradient in results[1].items():
        torch.testing.assert_close(results[0][name], gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("options", [{"dropout": 0.1}, {"dora": True}, {"rslora": True, "init": "pissa"}])
def test_adapters_that_do_more_are_left_to_peft(options):
    model, data = add_adapter(built("llama"), LoraConfig(rank=4, **options), seed=1).train(), batch()
    results = []
    for wanted in (False, True):
        torch.manual_seed(5)
        with faster(model, wanted=wanted):
            results.append(gradients(model, plain_loss(model, data)))
    for name, gradient in results[0].items():
        torch.testing.assert_close(results[1][name], gradient, atol=1e-5, rtol=1e-4)


def test_a_switched_off_adapter_is_off():
    model, data = add_adapter(built("qwen2"), LoraConfig(rank=4), seed=1).eval(), batch()
    base = built("qwen2").eval()
    with torch.no_grad(), faster(model):
        for name, p in model.named_parameters():
            p.add_(0.1 if "lora_B" in name else 0)
        with model.disable_adapter():
            torch.testing.assert_close(token_losses(model, data), token_losses(base, data), atol=1e-5, rtol=1e-5)
        assert not torch.allclose(token_losses(model, data), token_losses(base, data), atol=1e-2)


@pytest.mark.parametrize("family", ["gemma2", "gpt_neox"])
def test_unknown_layers_are_left_alone(family):
    model = built(family)
    before = copy.copy(vars(modeling_llama))
    with faster(model):
        assert not any("forward" in vars(m) for m in model.modules() if not isinstance(m, nn.Identity))
        if family == "gemma2":
            assert plain_output(model) is None, "its logits have a soft cap"
    assert vars(modeling_llama) == before


@pytest.mark.parametrize("mixed", [False, True])
def test_in_bfloat16_the_pieces_are_as_near_to_the_truth_as_transformers(mixed):
    truth = built("llama")
    data = batch()
    exact = gradients(truth, plain_loss(truth, data))
    errors = []
    for wanted in (False, True):
        model = copy.deepcopy(truth) if mixed else copy.deepcopy(truth).bfloat16()
        with faster(model, wanted=wanted), torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            loss = answer_loss(model, data) if wanted else plain_loss(model, data)
            found = gradients(model, loss)
        errors.append(sum(float((found[n].float() - g).norm() / g.norm()) for n, g in exact.items()) / len(exact))
    assert errors[1] < 1.1 * errors[0] + 1e-4 and errors[0] < 0.1


class Largest(TorchDispatchMode):
    """Remembers how many numbers the largest tensor had that any operation made, forward or backward."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        made = [t.numel() for t in tree_leaves(result) if isinstance(t, torch.Tensor) and not t.is_mkldnn and t.untyped_storage().nbytes() >= t.nbytes]  # fmt: skip
        self.numbers = max(self.numbers, *made, 0)
        return result


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_neither_the_logits_nor_the_scores_of_a_long_sequence_exist_whole(method, recompute, monkeypatch):
    monkeypatch.setitem(loss_module.LOGITS, "cpu", 1 << 14)
    monkeypatch.setitem(loss_module.TRAINED, "cpu", 4 << 14)
    monkeypatch.setitem(attention_module.SCORES, "cpu", 1 << 14)
    model, length, vocabulary, heads = built("llama", vocab_size=2000), 400, 2000, 4
    if method == "lora":
        model = add_adapter(model, LoraConfig(rank=4), seed=1)
    prepare(model, TrainerConfig(gradient_checkpointing=recompute), "32-true")
    encoded = EncodedExamples()
    encoded.add([Encoded(torch.randint(1, 2000, (length,), generator=draw).tolist(), [1.0] * length)], 1.0)
    with faster(model), packing(model, length):
        data = collate(encoded, [0], packed=True)
        with Largest() as ours:
            answer_loss(model, data).backward()
        with Largest() as plain:
            plain_loss(model, data).backward()
    assert plain.numbers >= (length - 1) * vocabulary
    assert ours.numbers < min((length - 1) * vocabulary, heads * length**2) / 5


KERNELS = """
import torch
from belle_core.training.fast.memory import keep_memory
from pathlib import Path
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
weight = torch.randn(512, 512, dtype=torch.bfloat16)
keep_memory()
torch.randn(1000, 512, dtype=torch.bfloat16) @ weight
before = held()
for tokens in range(100, 600):
    torch.randn(tokens, 512, dtype=torch.bfloat16) @ weight
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_kernels_of_batches_of_all_lengths_do_not_pile_up():
    """Without a bound oneDNN keeps 1,024 of them; 400 MB here."""
    done = subprocess.run([sys.executable, "-c", KERNELS], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 200 << 20
