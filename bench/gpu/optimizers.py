"""Time and memory of every optimizer on a LLaMA of random weights: ``python bench/gpu/optimizers.py [WIDTH LAYERS | --tiny]``.

One JSON line per optimizer: seconds of ``optimizer.step()`` alone (median of ten), bytes of its state, and the most memory in use on
the GPU during training steps of 1,024 random tokens; of one that fails the ``error``. ``--tiny``: 64 wide, 2 layers. The default, 2048 wide and 22 layers deep, has 1.1 billion weights in bfloat16.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median

import torch
from belle_optimizers.config import AdafactorConfig, Adamw8bitConfig, AdamwConfig, GaloreConfig, LionConfig, MuonConfig
from transformers import LlamaConfig, LlamaForCausalLM

from belle_core.config import TrainConfig
from belle_core.training.optimizer import build_optimizer

CHOICES = {
    "adamw": AdamwConfig(),
    "adamw8bit": Adamw8bitConfig(),
    "paged_adamw8bit": Adamw8bitConfig(paged=True),
    "adafactor": AdafactorConfig(),
    "lion": LionConfig(),
    "lion8bit": LionConfig(bits=8),
    "muon": MuonConfig(),
    "galore": GaloreConfig(),
}
STEPS = 12


def measure(name: str, width: int, layers: int) -> dict[str, float | str]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    sizes = {"hidden_size": width, "intermediate_size": width * 11 // 4 // 32 * 32, "num_hidden_layers": layers}
    torch.manual_seed(0)
    with torch.device(device):
        model = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=width // 64)).to(torch.bfloat16)
    optimizer = build_optimizer(model, TrainConfig(optimizer=CHOICES[name], learning_rate=1e-4))
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds, loss = [], 0.0
    for _ in range(STEPS):
        ids = torch.randint(3, 32000, (1, 1024), device=device)
        result = model(input_ids=ids, labels=ids).loss
        result.backward()
        loss = result.item()  # waits for the device
        began = time.perf_counter()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
        optimizer.zero_grad(set_to_none=True)
    state = sum(
        t.numel() * t.element_size()
        for s in optimizer.state.values()
        for t in s.values()
        if isinstance(t, torch.Tensor)
    )
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    return {
        "optimizer": name,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "weights": sum(p.numel() for p in model.parameters()),
        "step_seconds": round(median(seconds[2:]), 5),
        "state_bytes": state,
        "peak_bytes": peak,
        "loss": round(loss, 3),
    }


if __name__ == "__main__":
    size = (
        (64, 2) if sys.argv[1:] == ["--tiny"] else (int(sys.argv[1]), int(sys.argv[2])) if sys.argv[1:] else (2048, 22)
    )
    for chosen in CHOICES:
        try:
            found = measure(chosen, *size)
        except Exception as error:  # the others are measured all the same
            found = {"optimizer": chosen, "error": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
        print(json.dumps(found), flush=True)
        torch.cuda.empty_cache()
