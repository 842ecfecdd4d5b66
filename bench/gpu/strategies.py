"""Strategies side by side on a machine with several GPUs: rate, memory of each process, share of the machine's peak.

usage: python bench/gpu/strategies.py [--data DATA.jsonl] [--model llama7b] [--method lora|qlora|full] [--devices N]
                                      [--steps 12] [--strategies ddp,fsdp,...] [--tiny]

Every strategy makes the same run of the command line from random weights of the model's architecture: records of
DATA.jsonl (the demo data without it), 32 a step, at most 1,024 tokens, packed, gradient checkpointing. One JSON line each: tokens
(not padding) per second of all processes together, seconds per optimizer step, MFU of the first process, each the median after
two steps; the last loss, which has to agree between strategies; the most memory that each process held: on GPUs what nvidia-smi
shows, looked at five times a second, else its resident set. A strategy that fails has an ``error`` instead.
``--tiny`` runs all of it with the model ``tiny`` in two processes on a CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import torch

from belle_core.api import run

ZERO = ["deepspeed_zero2", "deepspeed_zero3", "deepspeed_zero2_offload", "deepspeed_zero3_offload"]
BATCH, LENGTH, WARM, LOOK = 32, 1024, 2, 0.2  # the last in seconds


@contextmanager
def watched() -> Iterator[dict[int, int]]:
    """Inside, the most bytes that each training process holds, by rank."""
    most: dict[int, int] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            held = on_gpus() if torch.cuda.is_available() else resident()
            for pid, rank in workers().items():
                most[rank] = max(most.get(rank, 0), held.get(pid, 0))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def workers() -> dict[int, int]:
    """Ranks of the training processes that this one has started, by process id."""
    found = {}
    for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:  # it has just ended
            continue
        found |= {int(pid): int(value[5:]) for value in variables if value.startswith(b"RANK=")}
    return found


def resident() -> dict[int, int]:
    """The most main memory that each of them has held so far, in bytes."""
    found = {}
    for pid in workers():
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        found[pid] = sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return found


def on_gpus() -> dict[int, int]:
    """What every process holds on GPUs now, in bytes."""
    command = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    rows = [line.split(",") for line in lines if line.count(",") == 1]
    return {int(pid): int(used) << 20 for pid, used in rows if used.strip().isdigit()}


def overrides(options: Any, strategy: str, store: str) -> list[str]:
    """The run, as it would be typed."""
    data = ["+data=demo"] if options.data is None else ["+data=files", f"data.path={options.data}"]
    random = [] if options.tiny else ["model.checkpoint=null", "model.revision=null", "+tokenizer=characters"]
    machine = ["trainer.accelerator=cpu"] if options.tiny else ["trainer.gradient_checkpointing=true"]
    settings = [f"trainer.devices={options.devices}", f"trainer.strategy={strategy}", "trainer.log_every=1"]
    pace = [f"train.batch={BATCH}", f"train.max_length={LENGTH}", "train.epochs=1", "train.looks=1"]
    limit = [f"limit={BATCH * options.steps}", f"store={store}"]
    return [*data, f"+train={options.method}", f"model={options.model}", *random, *machine, *settings, *pace, *limit]


def measure(options: Any, strategy: str) -> dict[str, Any]:
    """The figures of one strategy."""
    with tempfile.TemporaryDirectory() as store, watched() as most:
        try:
            done = run(overrides(options, strategy, store), quiet=True)
        except Exception as error:  # the others are measured all the same
            return {"strategy": strategy, "error": (str(error).strip() or repr(error)).splitlines()[-1]}
        rows = [json.loads(line) for line in (done.directory / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if row.get("stream") == "train"]
    middle = {name: median(row[name] for row in steps[WARM:]) for name in ("tokens_per_second", "step_seconds", "mfu")}
    return {
        "strategy": strategy,
        "devices": options.devices,
        "model": options.model,
        "method": options.method,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "tok_per_s": round(middle["tokens_per_second"]),
        "step_seconds": round(middle["step_seconds"], 4),
        "mfu": round(middle["mfu"], 3),
        "peak_bytes": [most[rank] for rank in sorted(most)],
        "loss": round(steps[-1]["loss"], 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", default="llama7b")
    parser.add_argument("--method", choices=["lora", "qlora", "full"], default="full")
    parser.add_argument("--devices", type=int, default=torch.cuda.device_count() or 2)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--strategies", default=",".join(["ddp", "fsdp", *(ZERO if find_spec("deepspeed") else [])]))
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    if options.tiny:
        options.model, options.devices, options.steps = "tiny", 2, 4
    for strategy in options.strategies.split(","):
        print(json.dumps(measure(options, strategy)), flush=True)


if __name__ == "__main__":
    main()
