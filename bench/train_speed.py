"""Training tokens per second on the common workload: ``python bench/train_speed.py DIR lora|full [PASS]``.

DIR holds ``model`` (a Hugging Face directory) and ``train.json`` (Alpaca records). One epoch, sequences of at most 512 tokens, up to PASS (16)
times as many in a pass; tokens that are not padding; the first steps are not counted. Prints one JSON line last: ``tok_per_s``,
``mfu`` (share of the bf16 matrix product rate of this run), ``peak_bytes`` (of the process), ``largest_step`` (tokens).
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import torch

import belle_core.training.fit  # noqa: F401  (imports are not what is measured)
from belle_core import run

WARM = 2
"""Optimizer steps before the clock starts."""


def matmul_peak(dtype: torch.dtype = torch.bfloat16, size: int = 2048, repeats: int = 8) -> float:
    """Best rate of a square matrix product, in FLOP/s."""
    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    a @ b
    best = min(_seconds(a, b) for _ in range(repeats))
    return 2 * size**3 / best


def _seconds(a: torch.Tensor, b: torch.Tensor) -> float:
    started = time.perf_counter()
    a @ b
    return time.perf_counter() - started


def matrix_weights(model: Path) -> int:
    """Weights of all matrices but the embedding, from the safetensors headers."""
    from safetensors import safe_open

    count = 0
    for path in model.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                shape = file.get_slice(name).get_shape()
                if len(shape) == 2 and "embed_tokens" not in name:
                    count += shape[0] * shape[1]
    return count


def main() -> None:
    folder, method, size = Path(sys.argv[1]), sys.argv[2], [*sys.argv, "16"][3]
    torch.set_num_threads(2)
    peak = matmul_peak()
    marks: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as store:
        result = run(
            [
                "+data=files",
                f"data.path={folder / 'train.json'}",
                f"+train={method}",
                "+tokenizer=pretrained",
                "model=llama7b",
                f"model.checkpoint={folder / 'model'}",
                "train.max_length=512",
                "train.epochs=1",
                "train.batch=16",
                "train.learning_rate=2e-4",
                f"trainer.batch={size}",
                "trainer.log_every=1",
                *(["trainer.precision=bf16-true"] if method == "lora" else []),
                f"store={store}",
            ],
            quiet=True,
        )
        for line in (result.directory / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["event"] == "metrics" and record["stream"] == "train":
                marks.append((record["tokens"], record["tokens_per_second"]))
    counted = [(tokens - before, rate) for (before, _), (tokens, rate) in zip(marks[WARM - 1 :], marks[WARM:])]
    rate = sum(tokens for tokens, _ in counted) / sum(tokens / rate for tokens, rate in counted)
    flops = (4 if method == "lora" else 6) * matrix_weights(folder / "model")
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {
        "method": method,
        "tok_per_s": round(rate),
        "mfu": round(rate * flops / peak, 3),
        "peak_bytes": peak_bytes,
        "tokens": round(marks[-1][0]),
        "largest_step": round(max(now - before for (before, _), (now, _) in zip([(0.0, 0.0), *marks], marks))),
    }
    print(json.dumps(figures | {"peak_bf16_gflops": round(peak / 1e9), "steps": len(counted)}))


if __name__ == "__main__":
    main()
