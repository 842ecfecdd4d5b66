"""A run is what a plain loop of PyTorch, transformers and peft makes of the same steps: losses, norms, rates and weights."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train as train_full
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_objectives.config import SftConfig
from belle_optimizers.config import AdamwConfig
from peft import LoraConfig as PeftConfig
from peft import get_peft_model
from peft import get_peft_model_state_dict as adapter_of
from safetensors.torch import load_file
from tiny_training import training_context
from torch.nn import functional

from belle_core.artifacts import Examples
from belle_core.data import read_examples
from belle_core.encoding import IGNORE, Encoded
from belle_core.training.loading import load_start
from belle_core.training.order import epoch_order

EPOCHS, BATCH, RATE, WARMUP, DECAY, CLIP, RATIO = 2, 8, 3e-3, 3, 0.1, 0.5, 4.0
PACE: dict[str, Any] = {
    "objective": SftConfig(),
    "optimizer": AdamwConfig(eps=1e-4),  # rounding at gradients near 0 shall not decide
    "epochs": EPOCHS,
    "batch": BATCH,
    "learning_rate": RATE,
    "warmup": WARMUP,
    "weight_decay": DECAY,
    "clip": CLIP,
    "max_length": 64,
}


def mean_loss(model: Any, sequences: list[Encoded]) -> torch.Tensor:
    """Over all labels of all sequences at once, padded, from whole logits."""
    longest = max(len(s.ids) for s in sequences)
    ids, labels, mask = (
        torch.tensor([[*values, *[filler] * (longest - len(values))] for values in column])
        for column, filler in (
            ([s.ids for s in sequences], 0),
            ([s.labels for s in sequences], IGNORE),
            ([[1] * len(s.ids) for s in sequences], 0),
        )
    )
    logits = model(input_ids=ids, attention_mask=mask).logits
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORE)


def rate_at(step: int, total: int) -> float:
    if step < WARMUP:
        return RATE * (step + 1) / WARMUP
    return RATE * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (total - WARMUP)))


def plain_loop(model: Any, train: list[Encoded], seed: int) -> list[tuple[float, float, float]]:
    """Loss, rate and norm of the gradient of every step."""
    groups = [
        {"params": [p], "weight_decay": DECAY if p.ndim > 1 else 0.0, "factor": RATIO if "lora_B" in name else 1.0}
        for name, p in model.named_parameters()
        if p.requires_grad
    ]
    optimizer, told = torch.optim.AdamW(groups, lr=RATE, eps=1e-4), []
    lengths = torch.tensor([len(s.ids) for s in train]).numpy()
    orders = [epoch_order(lengths, seed=seed, epoch=epoch).tolist() for epoch in range(EPOCHS)]
    steps = [order[begin : begin + BATCH] for order in orders for begin in range(0, len(order), BATCH)]
    for number, step in enumerate(steps):
        loss = mean_loss(model, [train[e] for e in step])
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(number, len(steps)) * group["factor"]
        optimizer.step()
        optimizer.zero_grad()
        told.append((loss.item(), rate_at(number, len(steps)), norm.item()))
    return told


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_run_is_what_a_plain_loop_makes_of_it(method, tmp_path):
    context = training_context(tmp_path / "s" / "Model" / "a", batch=1)  # packs of 64 tokens: several to a step
    loaded, examples, seed = load_start(context), context.input(Examples), context.shared["seed"]
    train, dev = (
        [loaded.encoder.encode(e.conversation) for e in read_examples(examples, split)] for split in ("train", "dev")
    )
    if method == "full":
        train_full(FullConfig(**PACE), context)
        model, found = loaded.model.train(), load_file(context.directory / "model.safetensors")
    else:
        train_lora(LoraConfig(**PACE, rank=4, alpha=12, b_ratio=RATIO), context)
        torch.manual_seed(seed)
        settings = PeftConfig(r=4, lora_alpha=12, target_modules="all-linear", task_type="CAUSAL_LM")
        model, found = (
            get_peft_model(loaded.model, settings),
            load_file(context.directory / "adapter_model.safetensors"),
        )
    with torch.no_grad():
        first = mean_loss(model, dev).item()
    told = plain_loop(model, train, seed)
    points = [json.loads(line) for line in (context.directory / "curve.jsonl").read_text().splitlines()]
    assert points[0]["dev"] == pytest.approx(first, rel=1e-5)
    assert [(p["loss"], p["lr"], p["grad_norm"]) for p in points[1:]] == [pytest.approx(one, rel=1e-4) for one in told]
    with torch.no_grad():
        assert points[-1]["dev"] == pytest.approx(mean_loss(model, dev).item(), rel=1e-5)
    wanted = dict(model.named_parameters()) if method == "full" else adapter_of(model)
    assert found.keys() == wanted.keys() and any(norm > CLIP for _, _, norm in told)
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, wanted[name], atol=1e-5, rtol=1e-4)
