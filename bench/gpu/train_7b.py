"""Trains LLaMA 7B or 13B, built from its config, on one GPU, beside transformers' Trainer with peft.

usage: python bench/gpu/train_7b.py DATA.jsonl [--size 7b|13b] [--method lora|full] [--steps 20] [--batch 8] [--tiny]

DATA.jsonl: real Chinese records (instruction, input, output). Random weights in bf16, at most 1,024 tokens a sequence, packed; a
pass holds BATCH of those (4 for 13b). Full tuning recomputes activations and takes the 8-bit AdamW of bitsandbytes; for 13b the paged one,
which moves to main memory what the GPU does not hold. Prints one JSON line: tokens (not padding) per second of both, the ratio, MFU against the
matmul peak of this run, peak memory of both, and hours on this one card for BELLE's published epoch (2M records, here of the given
mean length), beside the card-hours that it took on 8 A100 with 40 GB: 56 for LoRA, 248 for full tuning (arXiv 2304.08109).
Where the Trainer runs out of memory its figures are null. ``--tiny`` runs everything with a model of a few thousand weights, on a CPU too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from belle_lora.adapters import add_adapter
from belle_lora.config import LoraConfig
from belle_objectives.config import SftConfig
from belle_objectives.sft import Sft
from transformers import LlamaConfig, LlamaForCausalLM

from belle_core.config import TrainerConfig
from belle_core.conversation import Conversation, Example
from belle_core.training.batches import Passes, Steps
from belle_core.training.examples import EncodedExamples, encode_examples
from belle_core.training.fast import faster
from belle_core.training.losses import answer_loss
from belle_core.training.packing import packing
from belle_core.training.preparing import prepare

SIZES = {
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
    "13b": {"hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40, "num_attention_heads": 40},
    "tiny": {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4},
}
LENGTH, EXAMPLES, WARM, EPOCH = 1024, 32, 2, 2_000_000
PUBLISHED = {"lora": 8 * 7, "full": 8 * 31}
"""Card-hours of that epoch on A100-40GB."""


class Characters:
    """Encodes by code point: a stand-in for a tokenizer, about as many tokens as LLaMA's on Chinese text."""

    stop_ids = (2,)

    def parts(self, talk: Conversation) -> list[Conversation]:
        """It is learned as a whole."""
        return [talk]

    def encode(self, talk: Conversation) -> Any:
        """Ids and label weights of the answer."""
        from belle_core.encoding import Encoded

        ids, weights = [1], [0.0]
        for turn in talk.turns:
            text = [3 + ord(c) % 31000 for c in turn.text] + [2]
            ids += text
            weights += [float(turn.role == "assistant")] * len(text)
        return Encoded(ids, weights)


def build(options: Any, device: str) -> Any:
    """A model with random weights, ready to train."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model: Any = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=32000, max_position_embeddings=2048, **SIZES["tiny" if options.tiny else options.size]
            )
        )
    torch.set_default_dtype(torch.float32)
    if options.method == "lora":
        model = add_adapter(model, LoraConfig(rank=8, targets=["all-linear"]), seed=0)
    prepare(model, TrainerConfig(gradient_checkpointing=options.method == "full"), "bf16-true")
    return model


def optimizer_for(model: Any, options: Any) -> Any:
    """AdamW, in 8 bits where every weight trains."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    if options.method == "full":
        from bitsandbytes.optim import AdamW8bit, PagedAdamW8bit

        return (PagedAdamW8bit if options.size == "13b" else AdamW8bit)(trainable, lr=1e-5)
    return torch.optim.AdamW(trainable, lr=1e-5, fused=True)


def wait(device: str) -> float:
    """The time, once the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def ours(encoded: EncodedExamples, options: Any, device: str) -> tuple[float, int]:
    """Tokens per second and bytes at the peak."""
    model = build(options, device)
    optimizer = optimizer_for(model, options)
    passes = Passes(options.batch, options.batch * LENGTH)
    steps = Steps(encoded, batch=EXAMPLES, passes=passes, epochs=1, seed=0)
    tokens, started = 0, 0.0
    with faster(model), packing(model, LENGTH) as packed:
        assert packed
        for number, step in enumerate(steps):
            if number == options.steps:
                break
            if number == WARM:
                tokens, started = 0, wait(device)
            for batch in step.to(device).batches:
                (answer_loss(model, batch) / step.amount).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            tokens += step.tokens
    rate = tokens / (wait(device) - started)
    return rate, peak_memory(device)


def peak_memory(device: str) -> int:
    """Bytes of the GPU at the peak since the last call; 0 on a CPU."""
    if device != "cuda":
        return 0
    most = torch.cuda.max_memory_allocated()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return most


def peer(encoded: EncodedExamples, options: Any, device: str) -> tuple[float | None, int | None]:
    """The same of transformers' Trainer, padded, with the same model, data and optimizer; ``None`` where it does not fit."""
    try:
        return trainer_rate(encoded, options, device), peak_memory(device)
    except torch.OutOfMemoryError:
        return None, None


def trainer_rate(encoded: EncodedExamples, options: Any, device: str) -> float:
    """Tokens per second."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    model = build(options, device)
    ends, rows = encoded.ends, []
    for begin, end in pairwise(ends):
        ids, weights = list(encoded.ids[begin:end]), encoded.weights[begin:end]
        rows.append({"input_ids": ids, "labels": [i if w else -100 for i, w in zip(ids, weights, strict=True)]})
    rows = rows[: EXAMPLES * options.steps]

    def padded(part: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in part)
        fill = {"input_ids": 0, "labels": -100}
        return {k: torch.tensor([row[k] + [v] * (longest - len(row[k])) for row in part]) for k, v in fill.items()}

    class Clock(TrainerCallback):
        started = 0.0

        def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == WARM:
                self.started = wait(device)

    eight_bits = "paged_adamw_8bit" if options.size == "13b" else "adamw_bnb_8bit"
    folder = tempfile.TemporaryDirectory()
    arguments = TrainingArguments(
        folder.name, per_device_train_batch_size=options.batch, gradient_accumulation_steps=EXAMPLES // options.batch, num_train_epochs=1,
        bf16=device == "cuda", report_to=[], save_strategy="no", use_cpu=device == "cpu", dataloader_pin_memory=False,
        optim=eight_bits if options.method == "full" else "adamw_torch_fused",
        remove_unused_columns=False, disable_tqdm=True, logging_strategy="no",
    )  # fmt: skip
    clock = Clock()
    trainer = Trainer(model, arguments, train_dataset=rows, data_collator=padded, callbacks=[clock])  # type: ignore[arg-type]
    trainer.train()
    share = 1 - WARM * EXAMPLES / len(rows)  # the order is random: the mean stands for what was counted
    return share * sum(len(row["input_ids"]) for row in rows) / (wait(device) - clock.started)


def matmul_peak(device: str) -> float:
    """Floating-point operations per second of square bf16 matrix products."""
    size = 8192 if device == "cuda" else 512
    a, b = torch.randn(2, size, size, device=device, dtype=torch.bfloat16)
    times = []
    for _ in range(10):
        started = wait(device)
        a @ b
        times.append(wait(device) - started)
    return 2 * size**3 / min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--size", choices=["7b", "13b"], default="7b")
    parser.add_argument("--method", choices=["lora", "full"], default="lora")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, choices=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    options.batch = options.batch or (4 if options.size == "13b" else 8)
    if options.tiny:
        options.steps = 4
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with options.data.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line, _ in zip(file, range(EXAMPLES * options.steps), strict=False)]
    talks = [Conversation.of(row["instruction"] + row.get("input", ""), row["output"]) for row in rows if row["output"]]
    examples = [Example(str(number), talk) for number, talk in enumerate(talks)]
    encoded = encode_examples(examples, Characters(), Sft(SftConfig()), max_length=LENGTH, split="train")  # type: ignore[arg-type]
    shape = SIZES["tiny" if options.tiny else options.size]
    block = 4 * shape["hidden_size"] ** 2 + 3 * shape["hidden_size"] * shape["intermediate_size"]
    weights = shape["num_hidden_layers"] * block + 32000 * shape["hidden_size"]
    peak, (rate, memory) = matmul_peak(device), ours(encoded, options, device)
    theirs, their_memory = peer(encoded, options, device)
    figures = {
        "size": options.size,
        "method": options.method,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "tok_per_s": round(rate),
        "trainer_tok_per_s": round(theirs) if theirs else None,
        "ratio": round(rate / theirs, 2) if theirs else None,
        "mfu": round(rate * weights * (4 if options.method == "lora" else 6) / peak, 3),
        "peak_bytes": memory,
        "trainer_peak_bytes": their_memory,
        "epoch_hours": round(EPOCH * len(encoded.ids) / len(encoded) / rate / 3600, 1),
        "published_card_hours": PUBLISHED[options.method],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
