"""Memory of training against what real steps, as the training loop makes them, really allocate."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import transformers
from belle_embeddings.config import EmbeddingsConfig
from belle_freeze.config import FreezeConfig
from belle_full.config import FullConfig
from belle_lora.config import LoraConfig, QloraConfig
from belle_optimizers.config import (
    AdafactorConfig,
    Adamw8bitConfig,
    AdamwConfig,
    GaloreConfig,
    LionConfig,
    MuonConfig,
)
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForCausalLM

from belle_core.config import TrainConfig, TrainerConfig
from belle_core.encoding import Encoded
from belle_core.errors import BelleError
from belle_core.planning.memory import Memory, training_memory
from belle_core.planning.method import Method
from belle_core.planning.passes import Pass
from belle_core.plugins import load_catalog
from belle_core.training.batches import Batch, collate
from belle_core.training.examples import EncodedExamples
from belle_core.training.fast import faster
from belle_core.training.losses import answer_loss, token_losses
from belle_core.training.optimizer import weight_groups
from belle_core.training.packing import packing
from belle_core.training.precision import precision_of, weights_dtype
from belle_core.training.preparing import prepare
from belle_core.training.skeleton import Skeleton

SEQUENCES, LENGTH = 6, 128
NARROW = {"vocab_size": 1000, "hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "pad_token_id": 0}
SIZES = NARROW | {"intermediate_size": 352, "num_key_value_heads": 2, "tie_word_embeddings": False, "head_dim": 32}
LATENT = {
    "q_lora_rank": 48, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 16, "v_head_dim": 32,
    "num_key_value_heads": 4, "intermediate_size": 352,
}  # fmt: skip
SIX = ["sliding_attention"] * 5 + ["full_attention"]
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": SIZES,
    "mistral": SIZES,
    "qwen2": SIZES,
    "qwen3": SIZES,
    "gemma": SIZES,
    "bloom": NARROW,
    "gpt2": NARROW | {"max_position_embeddings": 512},
    "gemma2": SIZES | {"num_hidden_layers": 6, "sliding_window": 64},
    "gemma3_text": SIZES | {"num_hidden_layers": 8, "sliding_window": 64, "layer_types": [*SIX, *SIX[:2]]},
    "phi": SIZES,
    "phi3": SIZES,
    "glm4": SIZES,
    "internlm3": SIZES,
    "minicpm3": NARROW | LATENT,
    "falcon": NARROW | {"alibi": True},
    "opt": NARROW | {"ffn_dim": 352, "word_embed_proj_dim": 128},
    "mixtral": SIZES | {"num_local_experts": 4},
}


@dataclass
class Case:
    """One way to train."""

    method: TrainConfig
    setting: str = "32-true"
    stored: str = "float32"
    family: str = "llama"
    passes: int = 2
    checkpointing: bool = False
    fast: bool = True
    loss: Any = answer_loss
    sizes: dict[str, Any] = field(default_factory=dict)

    @property
    def frozen(self) -> bool:
        return isinstance(self.method, LoraConfig)

    @property
    def values(self) -> dict[str, Any]:
        return {"model_type": self.family} | FAMILIES[self.family] | self.sizes

    @property
    def trainer(self) -> TrainerConfig:
        return TrainerConfig(precision=self.setting, gradient_checkpointing=self.checkpointing, fast=self.fast)

    def loaded(self):
        """As it comes from its file."""
        if isinstance(self.method, QloraConfig):
            pytest.importorskip("bitsandbytes")
        held = getattr(torch, weights_dtype(self.setting, self.stored, frozen=self.frozen))
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(**self.values), dtype=held)

    def skeleton(self) -> Skeleton:
        logits = "parts" if self.loss is answer_loss else "scores"
        return Skeleton(self.values, self.method, self.trainer, stored=self.stored, frozen=self.frozen, logits=logits)

    def planned(self) -> Memory:
        one = Pass(SEQUENCES * LENGTH, LENGTH, self.checkpointing, 1 - 1 / LENGTH, self.passes > 1)
        return training_memory(self.skeleton(), one, Method(adapter=self.frozen))

    def autocast(self):
        mixed = precision_of(self.setting, self.stored) == "bf16-mixed"
        return torch.autocast("cpu", torch.bfloat16, cache_enabled=False) if mixed else nullcontext()


def batch_of(packed: bool, sequences=SEQUENCES, length=LENGTH, vocabulary=1000) -> Batch:
    encoded = EncodedExamples()
    for _ in range(sequences):
        encoded.add([Encoded(torch.randint(1, vocabulary, (length,)).tolist(), [1.0] * length)], 1.0)
    return collate(encoded, range(sequences), packed=packed)


def step(case: Case, model, optimizer, batch, passes: int) -> None:
    for _ in range(passes):
        with case.autocast():
            loss = case.loss(model, batch).sum()
        loss.backward()
        del loss
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def most_allocated(run) -> int:
    """Bytes that *run* has allocated more than freed when that is the most."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        run()
    events = record.profiler.kineto_results.events()
    now = most = 0
    for _, size in sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"):
        now += size
        most = max(most, now)
    return most


def really(case: Case) -> tuple[int, int, int]:
    """Bytes of weights, of the optimizer's state, and the most that a step takes beside them."""
    torch.manual_seed(0)
    model = case.method.prepared(case.loaded(), 1)
    base = model.get_base_model() if case.frozen else model
    with faster(model, wanted=case.fast), packing(base, LENGTH) as packed:
        prepare(model, case.trainer, precision_of(case.setting, case.stored))
        batch = batch_of(packed)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], fused=True)
        step(case, model, optimizer, batch, 1)
        most = most_allocated(lambda: step(case, model, optimizer, batch, case.passes))
    weights = sum(t.nbytes for t in (*model.parameters(), *model.buffers()))
    states = sum(t.nbytes for s in optimizer.state.values() for t in s.values() if t.ndim)
    return weights, states, most


LORA = LoraConfig()
CASES = {
    "full": Case(FullConfig()),
    "full, one pass": Case(FullConfig(), passes=1),
    "full, few tokens": Case(FullConfig(), passes=1, sizes={"hidden_size": 256, "intermediate_size": 1500}),
    "full, recomputed": Case(FullConfig(), checkpointing=True),
    "full, mixed": Case(FullConfig(), "bf16-mixed"),
    "full, bfloat16": Case(FullConfig(), "bf16-true", "bfloat16"),
    "full, mixed, recomputed": Case(FullConfig(), "bf16-mixed", checkpointing=True),
    "full, as transformers has it": Case(FullConfig(), fast=False),
    "full, scores": Case(FullConfig(), "bf16-mixed", loss=token_losses),
    "full, tied": Case(FullConfig(), sizes={"tie_word_embeddings": True}),
    "full, gemma": Case(FullConfig(), family="gemma"),
    "lora": Case(LORA),
    "lora, mixed": Case(LORA, "auto", "bfloat16"),
    "lora, mixed over float32": Case(LORA, "bf16-mixed"),
    "lora, bfloat16": Case(LORA, "bf16-true", "bfloat16", family="mistral"),
    "lora, scores": Case(LORA, "auto", "bfloat16", loss=token_losses),
    "lora, two layers": Case(LoraConfig(targets=["q_proj", "v_proj"]), "auto", "bfloat16"),
    "lora, dropout": Case(LoraConfig(dropout=0.1), "auto", "bfloat16"),
    "lora, by direction": Case(LoraConfig(dora=True), "auto", "bfloat16"),
    "lora, pissa": Case(LoraConfig(init="pissa")),
    "lora, embeddings whole": Case(LoraConfig(whole=["embed_tokens", "lm_head"])),
    "qlora": Case(QloraConfig(), "auto", "bfloat16"),
    "qlora, int8": Case(QloraConfig(format="int8"), "auto", "bfloat16"),
    "qlora, plain scales": Case(QloraConfig(double_quant=False)),
    "qlora, loftq": Case(QloraConfig(init="loftq"), "auto", "bfloat16"),
    "freeze": Case(FreezeConfig(head=True, norm=True)),
    "embeddings": Case(EmbeddingsConfig()),
}
for family in FAMILIES:
    CASES |= {
        f"full, {family}": Case(FullConfig(), family=family),
        f"full, {family}, recomputed": Case(FullConfig(), family=family, checkpointing=True),
        f"lora, {family}": Case(LORA, "auto", "bfloat16", family),
        f"lora, {family}, recomputed": Case(LORA, "auto", "bfloat16", family, checkpointing=True),
        f"qlora, {family}": Case(QloraConfig(), "auto", "bfloat16", family),
    }
QUICK = {"full, one pass", "lora, mixed", "qlora", "freeze", "full, bloom", "full, gpt2", "full, gemma2, recomputed"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in CASES])
def test_the_plan_is_what_a_step_takes(name):
    """Weights and optimizer to the byte (quantized weights carry tables that are no tensors of the model), all within 2%."""
    case = CASES[name]
    weights, states, most = really(case)
    planned = case.planned()
    assert planned.weights == pytest.approx(weights, rel=0.06 if isinstance(case.method, QloraConfig) else 0)
    assert planned.optimizer == states
    loose = 0.08 if case.family == "mixtral" else 0.02  # which expert takes how much is not known before
    assert planned.gradients + planned.activations == pytest.approx(most, rel=loose)


OPTIMIZERS = {
    "adamw": AdamwConfig(),
    "adafactor": AdafactorConfig(),
    "lion": LionConfig(),
    "lion, 8 bits": LionConfig(bits=8),
    "adamw8bit": Adamw8bitConfig(),
    "muon": MuonConfig(),
    "galore": GaloreConfig(rank=16),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_keeps_what_it_says(name):
    options = OPTIMIZERS[name]
    if "8" in name or "lion" in name:
        pytest.importorskip("bitsandbytes")
    case = Case(FullConfig(), sizes={"num_hidden_layers": 1})
    model = case.loaded()
    part = load_catalog().part_for(options)
    assert part is not None
    optimizer = part.load()(options, weight_groups(model, FullConfig()))
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    optimizer.step()
    kept = {t.data_ptr(): t.nbytes for s in optimizer.state.values() for t in s.values() if torch.is_tensor(t) and t.ndim}  # fmt: skip
    planned = training_memory(case.skeleton(), Pass(8, 8), Method(), state=options.state_bytes)
    assert planned.optimizer == pytest.approx(sum(kept.values()), rel=0.01)


def test_an_average_of_the_weights_and_copies_of_the_model_count():
    skeleton = CASES["lora, bfloat16"].skeleton()
    methods = (Method(adapter=True), Method(adapter=True, averaged=True), Method(adapter=True, copies=2))
    without, averaged, copied = (training_memory(skeleton, Pass(8, 8), method) for method in methods)
    assert averaged.optimizer - without.optimizer == 4 * skeleton.trainable
    assert copied.weights - without.weights == pytest.approx(2 * 2 * skeleton.parameters, rel=1e-3)


def test_what_answers_are_made_of_counts_while_they_are_written():
    """Keys and values, in the format that is computed with, of 32 answers at a time."""
    skeleton = CASES["lora, bfloat16"].skeleton()
    assert skeleton.cached == 2 * 4 * 2 * 32 * 2
    memory = training_memory(skeleton, Pass(8, 10_000), Method(adapter=True, answers=100))
    assert (memory.activations, memory.gradients) == (32 * 10_000 * skeleton.cached, 0)


L = {"num_key_value_heads": 32, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}  # fmt: skip
LARGE: dict[str, tuple[str, dict[str, Any]]] = {
    "7b": ("llama", L | {"vocab_size": 32000, "head_dim": 128}),
    "13b": ("llama", L | {"vocab_size": 32000, "head_dim": 128, "hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40, "num_attention_heads": 40, "num_key_value_heads": 40}),
    "bloom 7b": ("bloom", {"vocab_size": 250880, "hidden_size": 4096, "n_layer": 30, "n_head": 32}),
    "gemma 9b": ("gemma2", {"vocab_size": 256000, "hidden_size": 3584, "intermediate_size": 14336, "num_hidden_layers": 42, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256, "sliding_window": 512}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("checkpointing", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize("method", [FullConfig(), LORA, FreezeConfig(layers=3)], ids=["full", "lora", "freeze"])
@pytest.mark.parametrize("size", LARGE)
def test_a_few_layers_tell_of_all(size, method, checkpointing):
    """What is counted with a few layers of each kind is what all of them give."""
    family, sizes = LARGE[size]
    skeleton = Case(method, "auto", "bfloat16", family, sizes=sizes).skeleton()
    for one in (Pass(2048, 1024, checkpointing), Pass(300, 300, checkpointing, 0.5, accumulated=False)):
        assert skeleton.peak(one)[0] == pytest.approx(skeleton.peak(one, whole=True)[0], rel=0.02)


def test_a_few_layers_tell_of_all_in_a_small_model():
    skeleton = Case(FreezeConfig(layers=5), family="gemma3_text", sizes={"num_hidden_layers": 18, "layer_types": SIX * 3}).skeleton()  # fmt: skip
    assert skeleton.reached == 5 / 18
    one = Pass(SEQUENCES * LENGTH, LENGTH)
    assert skeleton.peak(one)[0] == pytest.approx(skeleton.peak(one, whole=True)[0], rel=0.02)


def test_what_cannot_be_counted_says_so_in_one_line():
    for values in ({"model_type": "chatglm", "vocab_size": 10}, {"model_type": "llama", "vocab_size": 10, "hidden_size": "wide"}):  # fmt: skip
        with pytest.raises(BelleError, match=f"model_type={values['model_type']} cannot be counted") as caught:
            Skeleton(values, FullConfig(), TrainerConfig(), stored="float32", frozen=False, logits="parts")
        assert "\n" not in str(caught.value)


def failing(make):
    """A layer of a foreign model that does what *make* does."""

    def forward(self, *_, **__):
        make()

    return forward


def needs_content():
    torch.zeros(3).nonzero()


def other_shapes():
    torch.zeros(2) @ torch.zeros(3)


def a_mistake():
    raise LookupError("of the model")


@pytest.mark.parametrize("what", [needs_content, other_shapes, a_mistake])
def test_what_a_foreign_layer_raises_is_one_line_with_its_cause(what, monkeypatch):
    monkeypatch.setattr(transformers.models.llama.modeling_llama.LlamaMLP, "forward", failing(what))
    with pytest.raises(BelleError, match="model_type=llama cannot be counted without its weights") as caught:
        Case(FullConfig(), fast=False).skeleton().peak(Pass(64, 32))
    assert "\n" not in str(caught.value) and caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "place",
    ["skeleton.blocks_of", "skeleton.tensors", "skeleton.prepare", "skeleton.answer_loss", "skeleton._batch", "counting.tree_leaves"],
)  # fmt: skip
def test_a_mistake_of_our_own_keeps_its_traceback(place, monkeypatch):
    code: dict[str, Any] = {"__name__": "belle_core.broken", "torch": torch}
    exec("def broken(*_, **__): return torch.zeros(1)[5]", code)
    monkeypatch.setattr(f"belle_core.training.{place}", code["broken"])
    with pytest.raises(IndexError):
        Case(LoraConfig(), fast=False).skeleton().peak(Pass(64, 32))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_counted(family):
    skeleton = Case(LORA, family=family).skeleton()
    assert skeleton.peak(Pass(64, 32))[0] > 0 and skeleton.cached > 0
