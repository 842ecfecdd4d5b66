"""Memory of training against what real steps, as the training loop makes them, really allocate."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from belle_embeddings.config import EmbeddingsConfig
from belle_embeddings.stage import freeze as leave_embeddings
from belle_freeze.config import FreezeConfig
from belle_freeze.stage import freeze as leave_last
from belle_full.config import FullConfig
from belle_lora.adapters import add_adapter
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
from belle_core.planning.activations import Batch, activations
from belle_core.planning.architecture import Architecture
from belle_core.planning.memory import Memory, training_memory
from belle_core.planning.method import Method, Precision
from belle_core.plugins import load_catalog
from belle_core.training.batches import collate
from belle_core.training.examples import EncodedExamples
from belle_core.training.fast import faster
from belle_core.training.fit import prepare
from belle_core.training.losses import answer_loss, token_losses
from belle_core.training.optimizer import weight_groups
from belle_core.training.precision import precision_of, weights_dtype
from belle_core.training.segments import NAME

SIZES = {
    "vocab_size": 1000, "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "tie_word_embeddings": False, "head_dim": 32, "pad_token_id": 0,
}  # fmt: skip
SEQUENCES, LENGTH = 6, 128


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
    sizes: Any = None

    @property
    def frozen(self) -> bool:
        return isinstance(self.method, LoraConfig)

    @property
    def values(self) -> dict[str, Any]:
        return SIZES | {"model_type": self.family} | (self.sizes or {})

    @property
    def architecture(self) -> Architecture:
        found = Architecture.of(self.values)
        assert found is not None
        return found

    def model(self):
        """As the method prepares it, and the loop."""
        values = dict(self.values)
        config = AutoConfig.for_model(values.pop("model_type"), **values)
        held = getattr(torch, weights_dtype(self.setting, self.stored, frozen=self.frozen))
        model = AutoModelForCausalLM.from_config(config, dtype=held)
        model.set_attn_implementation(NAME)
        if isinstance(self.method, QloraConfig):
            pytest.importorskip("bitsandbytes")
            from belle_lora.quantized import quantize

            quantize(model, self.method)
        if isinstance(self.method, LoraConfig):
            model = add_adapter(model, self.method, seed=1)
        elif isinstance(self.method, FreezeConfig):
            leave_last(model, self.method)
        elif isinstance(self.method, EmbeddingsConfig):
            leave_embeddings(model, output=self.method.output)
        trainer = TrainerConfig(gradient_checkpointing=self.checkpointing)
        prepare(model, trainer, precision_of(self.setting, self.stored))
        return model

    def planned(self, batch: Batch) -> Memory:
        precision = Precision.of(self.setting, self.stored, frozen=self.frozen)
        return training_memory(self.architecture, precision, batch, self.plan())

    def plan(self) -> Method:
        dropout, dora = getattr(self.method, "dropout", 0) > 0, getattr(self.method, "dora", False)
        logits = "parts" if self.loss is answer_loss else "scores"
        trained = self.method.trained(self.architecture)
        assert trained is not None
        return Method(trained, self.frozen, self.method.held_bits(), self.fast, dropout, dora, logits)

    def autocast(self):
        mixed = precision_of(self.setting, self.stored) == "bf16-mixed"
        return torch.autocast("cpu", torch.bfloat16, cache_enabled=False) if mixed else nullcontext()


def packed(sequences=SEQUENCES, length=LENGTH, vocabulary=1000):
    encoded = EncodedExamples()
    for _ in range(sequences):
        encoded.add([Encoded(torch.randint(1, vocabulary, (length,)).tolist(), [1.0] * length)], 1.0)
    return collate(encoded, range(sequences), packed=True)


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
    "qwen2": Case(FullConfig(), "bf16-mixed", family="qwen2"),
    "qwen3": Case(FullConfig(), family="qwen3"),
    "gemma": Case(FullConfig(), family="gemma"),
    "lora": Case(LORA),
    "lora, mixed": Case(LORA, "auto", "bfloat16"),
    "lora, mixed over float32": Case(LORA, "bf16-mixed"),
    "lora, bfloat16": Case(LORA, "bf16-true", "bfloat16", family="mistral"),
    "lora, recomputed": Case(LORA, "auto", "bfloat16", checkpointing=True),
    "lora, scores": Case(LORA, "auto", "bfloat16", loss=token_losses),
    "lora, two layers": Case(LoraConfig(targets=["q_proj", "v_proj"]), "auto", "bfloat16"),
    "lora, dropout": Case(LoraConfig(dropout=0.1), "auto", "bfloat16"),
    "lora, by direction": Case(LoraConfig(dora=True), "auto", "bfloat16"),
    "lora, embeddings whole": Case(LoraConfig(whole=["embed_tokens", "lm_head"])),
    "qlora": Case(QloraConfig(), "auto", "bfloat16"),
    "qlora, int8": Case(QloraConfig(format="int8"), "auto", "bfloat16"),
    "qlora, plain scales": Case(QloraConfig(double_quant=False)),
    "freeze": Case(FreezeConfig(head=True, norm=True)),
    "embeddings": Case(EmbeddingsConfig()),
}


@pytest.mark.parametrize("name", CASES)
def test_the_plan_is_what_a_step_takes(name):
    """Weights and optimizer to the byte (quantized weights carry small tables), the highest point within 5%."""
    case = CASES[name]
    model, batch = case.model(), packed()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], fused=True)
    with faster(model, wanted=case.fast):
        step(case, model, optimizer, batch, 1)
        most = most_allocated(lambda: step(case, model, optimizer, batch, case.passes))
    planned = case.planned(Batch(SEQUENCES * LENGTH, case.checkpointing, 1 - 1 / LENGTH, case.passes > 1))
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    states = sum(t.numel() * t.element_size() for s in optimizer.state.values() for t in s.values() if t.ndim)
    assert planned.weights == pytest.approx(weights, rel=0.03 if isinstance(case.method, QloraConfig) else 0)
    assert planned.optimizer == states
    assert planned.total == pytest.approx(weights + states + most, rel=0.08 if name == "lora, by direction" else 0.05)


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
    model = case.model()
    part = load_catalog().part_for(options)
    assert part is not None
    optimizer = part.load()(options, weight_groups(model, FullConfig()))
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    optimizer.step()
    kept = {t.data_ptr(): t.nbytes for s in optimizer.state.values() for t in s.values() if torch.is_tensor(t) and t.ndim}  # fmt: skip
    precision = Precision.of("32-true", "float32", frozen=False)
    planned = training_memory(case.architecture, precision, Batch(8), case.plan(), state=options.state_bytes)
    assert planned.optimizer == pytest.approx(sum(kept.values()), rel=0.01)


def test_an_average_of_the_weights_counts():
    case, precision = CASES["lora, bfloat16"], Precision.of("bf16-true", "bfloat16", frozen=True)
    method = case.plan()
    averaged = Method(method.trained, adapter=True, averaged=True)
    without, with_it = (training_memory(case.architecture, precision, Batch(8), m) for m in (method, averaged))
    assert with_it.optimizer - without.optimizer == 4 * sum(w.size for w in method.trained)


LARGE = {
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
    "13b": {"hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40, "num_attention_heads": 40},
}


@pytest.mark.slow
@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("name", ["full, mixed", "lora, mixed", "full, recomputed"])
def test_what_large_models_keep(name, size, monkeypatch):
    """Counted on tensors without content."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    monkeypatch.setattr(torch.nn.Module, "to", lambda module, *_, **__: module)  # they cannot be moved, and need not
    kind = CASES[name]
    sizes = LARGE[size] | {"vocab_size": 32000, "num_key_value_heads": LARGE[size]["num_attention_heads"], "head_dim": 128}  # fmt: skip
    case = Case(kind.method, kind.setting, kind.stored, checkpointing=kind.checkpointing, sizes=sizes)
    batch, saved, alive = packed(2, 512, 32000), {}, []
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = case.model()
        own = {p.untyped_storage()._cdata for p in model.parameters()}

        def keep(tensor):
            place = tensor.untyped_storage()._cdata
            if place not in own:
                saved[place] = tensor.untyped_storage().nbytes()
                alive.append(tensor)
            return tensor

        with faster(model), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), case.autocast():
            hidden = model.get_base_model().model if case.frozen else model.model
            hidden(input_ids=batch.ids, position_ids=batch.positions, use_cache=False, segments=segments(batch),
                   attention_mask=torch.zeros(1, 1, 1, 1)).last_hidden_state.sum()  # fmt: skip
        weights = sum(p.numel() * p.element_size() for p in model.parameters())
    precision = Precision.of(case.setting, case.stored, frozen=case.frozen)
    plan = case.plan()
    kept = activations(case.architecture, precision, Batch(1024, case.checkpointing, 0.0), plan)
    assert case.planned(Batch(1024)).weights == weights
    assert kept == pytest.approx(sum(saved.values()), rel=0.05)


def segments(batch):
    from belle_core.training.segments import Segments

    return Segments(batch.lengths)
