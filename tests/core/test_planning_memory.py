"""Memory of training against the bytes of real tensors."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from belle_core.planning.architecture import Architecture
from belle_core.planning.memory import Adapter, Batch, Precision, block_bytes, training_memory

VALUES = {
    "model_type": "llama",
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
}
SEQUENCES, LENGTH, RANK = 4, 64, 8
CASES = [
    ("32-true", "float32", False),
    ("auto", "float32", False),
    ("auto", "bfloat16", False),
    ("bf16-true", "bfloat16", False),
    ("bf16-mixed", "float32", False),
    ("32-true", "float32", True),
    ("auto", "bfloat16", True),
    ("bf16-mixed", "float32", True),
]
cases = pytest.mark.parametrize(("setting", "stored", "lora"), CASES)


class Trained:
    """A real model after one step of AdamW as the training loop does it, and the bytes that it took."""

    def __init__(self, setting: str, stored: str, lora: bool, *, checkpointing: bool = False) -> None:
        self.precision = Precision.of(setting, stored, frozen=lora)
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**VALUES))
        model = model.to(torch.float32 if self.precision.weights == 4 else torch.bfloat16)
        if lora:
            model = get_peft_model(model, LoraConfig(r=RANK, target_modules="all-linear"))
            for module in model.modules():
                if hasattr(module, "cast_input_dtype_enabled"):
                    module.cast_input_dtype_enabled = self.precision.compute == 4
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
        self.model = model
        self.saved = self._step()

    def _step(self) -> int:
        mixed = self.precision.compute < self.precision.trained
        autocast = torch.autocast("cpu", torch.bfloat16) if mixed else nullcontext()
        parameters = {p.untyped_storage().data_ptr() for p in self.model.parameters()}
        saved: dict[int, torch.Tensor] = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            place = tensor.untyped_storage().data_ptr()
            if place not in parameters:
                saved[place] = tensor
            return tensor

        self.optimizer = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad])
        ids = torch.randint(0, VALUES["vocab_size"], (SEQUENCES, LENGTH))
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), autocast:
            logits = self.model(input_ids=ids, use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids.flatten())
        bytes_saved = sum(tensor.untyped_storage().nbytes() for tensor in saved.values())
        loss.backward()
        self.optimizer.step()
        return bytes_saved

    @property
    def weights(self) -> int:
        return sum(p.numel() * p.element_size() for p in self.model.parameters())

    @property
    def gradients(self) -> int:
        return sum(p.grad.numel() * p.grad.element_size() for p in self.model.parameters() if p.grad is not None)

    @property
    def averages(self) -> int:
        states = self.optimizer.state.values()
        return sum(t.numel() * t.element_size() for state in states for t in state.values() if t.ndim)


def planned(precision: Precision, lora: bool, **batch):
    architecture = Architecture.of(VALUES)
    assert architecture is not None
    adapter = Adapter(RANK, architecture.adapter(RANK, ["all-linear"]) or 0) if lora else None
    return training_memory(architecture, precision, Batch(SEQUENCES, LENGTH, **batch), adapter=adapter)


@cases
def test_weights_gradients_and_optimizer_are_those_of_real_tensors(setting, stored, lora):
    real = Trained(setting, stored, lora)
    memory = planned(real.precision, lora)
    assert (memory.weights, memory.gradients, memory.optimizer) == (real.weights, real.gradients, real.averages)


@cases
def test_activations_are_what_autograd_keeps(setting, stored, lora):
    """The logits' own gradient and copy come later than the forward pass, so they are left out of the comparison."""
    real = Trained(setting, stored, lora)
    memory = planned(real.precision, lora)
    tokens, vocabulary = SEQUENCES * LENGTH, VALUES["vocab_size"]
    later = tokens * vocabulary * (2 * 4 + (2 if real.precision.compute == 2 else 0))
    assert memory.activations - later == pytest.approx(real.saved, rel=0.05)


def test_checkpointing_keeps_the_borders_of_blocks_and_recomputes_one():
    real = Trained("32-true", "float32", False, checkpointing=True)
    full, saving = (planned(real.precision, False, checkpointing=on).activations for on in (False, True))
    architecture = Architecture.of(VALUES)
    assert architecture is not None and saving < full / 2
    recomputed = SEQUENCES * LENGTH * block_bytes(architecture, real.precision)
    later = SEQUENCES * LENGTH * VALUES["vocab_size"] * 2 * 4
    assert saving - recomputed - later == pytest.approx(real.saved, rel=0.05)


def test_only_learned_tokens_have_logits():
    precision = Precision.of("32-true", "float32", frozen=False)
    whole, half = (planned(precision, False, learned=share).activations for share in (1.0, 0.5))
    assert whole - half == SEQUENCES * LENGTH * VALUES["vocab_size"] * 12 // 2


def test_a_quantized_base_takes_its_bits():
    architecture, precision = Architecture.of(VALUES), Precision.of("auto", "bfloat16", frozen=True)
    assert architecture is not None
    adapter = Adapter(RANK, 1000)
    memory = training_memory(architecture, precision, Batch(1, 8), adapter=adapter, bits=4.5)
    assert memory.weights == int(architecture.parameters * 4.5 / 8) + 4000
