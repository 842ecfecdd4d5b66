"""Processor time of one optimizer step, ours beside a bare PyTorch one: ``python bench/train_step.py DIR lora|full [ROUNDS]``.

Same process, same model and same examples; one thread, and the time that this thread computes, so that other work on the
machine hardly matters. Bare: the sequences in one row, torch's fused attention for each, peft, whole logits in float32, and
memory as the C library gives it. DIR is that of ``train_speed.py``. Prints one JSON line: tokens per second, the share of the
rate of matrix products, and the median ratio of the rounds.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from belle_lora.adapters import add_adapter
from belle_lora.config import LoraConfig
from belle_objectives.config import SftConfig
from belle_objectives.sft import Sft
from torch.nn import functional
from train_speed import matrix_weights
from transformers import AttentionInterface, AutoModelForCausalLM

from belle_core.config import TrainerConfig
from belle_core.conversation import Conversation, Example
from belle_core.encoding import Encoder
from belle_core.tokenization import load_tokenizer
from belle_core.training.batches import Batch, collate
from belle_core.training.examples import encode_examples
from belle_core.training.fast import faster
from belle_core.training.fast.memory import keep_memory
from belle_core.training.loading import template_named
from belle_core.training.losses import answer_loss
from belle_core.training.packing import packing
from belle_core.training.preparing import prepare
from belle_core.training.segments import Segments

EXAMPLES, LENGTH = 16, 512


def bare_attention(
    module: Any, q: Any, k: Any, v: Any, mask: Any, *, scaling: float, segments: Segments, **_: Any
) -> Any:
    """torch's fused attention, segment by segment."""
    parts = [
        functional.scaled_dot_product_attention(q[:, :, a:b], k[:, :, a:b], v[:, :, a:b], is_causal=True, scale=scaling)
        for a, b in segments.bounds
    ]
    return torch.cat(parts, 2).transpose(1, 2).contiguous(), None


def bare_loss(model: Any, batch: Batch) -> torch.Tensor:
    """Logits of all labels at once."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    hidden = base.model(
        input_ids=batch.ids, position_ids=batch.positions, segments=Segments(batch.lengths), use_cache=False
    ).last_hidden_state[0]
    logits = base.lm_head(hidden.index_select(0, batch.keep))
    return functional.cross_entropy(logits.float(), batch.targets, reduction="sum")


def data(folder: Path) -> Batch:
    """The first examples, packed."""
    encoder = Encoder(load_tokenizer(folder / "model"), template_named("belle"))
    rows = json.loads((folder / "train.json").read_text(encoding="utf-8"))[:EXAMPLES]
    talks = [Conversation.of(row["instruction"] + row["input"], row["output"]) for row in rows]
    examples = [Example(str(number), talk) for number, talk in enumerate(talks)]
    encoded = encode_examples(examples, encoder, Sft(SftConfig()), max_length=LENGTH, split="train")
    return collate(encoded, range(len(encoded)), packed=True)


def stepper(
    folder: Path, method: str, loss: Callable[..., torch.Tensor], batch: Batch
) -> tuple[Any, Callable[[], float]]:
    """A model, and what makes one step and returns its processor time."""
    lora = method == "lora"
    dtype = torch.bfloat16 if lora else torch.float32
    model: Any = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=dtype)
    if lora:
        model = add_adapter(model, LoraConfig(rank=8, targets=["all-linear"]), seed=1)
    prepare(model, TrainerConfig(), "bf16-true" if lora else "bf16-mixed")
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=loss is not bare_loss
    )

    def step() -> float:
        started = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=not lora):
            value = loss(model, batch) / len(batch.targets)
        value.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return time.process_time() - started

    return model, step


def peak() -> float:
    """Floating-point operations per second of processor time in bfloat16 matrix products."""
    a, b = torch.randn(2, 1024, 1024).bfloat16()
    times = []
    for _ in range(8):
        started = time.process_time()
        a @ b
        times.append(time.process_time() - started)
    return 2 * 1024**3 / min(times)


def main() -> None:
    folder, method = Path(sys.argv[1]), sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    torch.set_num_threads(1)
    AttentionInterface.register("bare", bare_attention)
    batch, rate = data(folder), peak()
    model, bare = stepper(folder, method, bare_loss, batch)
    model.set_attn_implementation("bare")
    bare()
    before = [bare() for _ in range(rounds)]  # first, since memory that is kept helps both
    with ExitStack() as stack:
        keep_memory()
        model, ours = stepper(folder, method, answer_loss, batch)
        stack.enter_context(faster(model))
        assert stack.enter_context(packing(model, LENGTH))
        ours()
        after = [ours() for _ in range(rounds)]
    operations = (4 if method == "lora" else 6) * matrix_weights(folder / "model") * batch.tokens
    figures = {
        "method": method,
        "tokens": batch.tokens,
        "bare_tok_per_s": round(batch.tokens / statistics.median(before)),
        "tok_per_s": round(batch.tokens / statistics.median(after)),
        "ratio": round(statistics.median(before) / statistics.median(after), 2),
        "mfu": round(operations / statistics.median(after) / rate, 3),
        "peak_bf16_gflops": round(rate / 1e9),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
