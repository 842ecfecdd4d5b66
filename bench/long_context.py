"""Memory of a training pass over one long sequence: ``python bench/long_context.py [plain|ours TOKENS [MEGABYTES]]``.

``plain`` is transformers' model with its own loss, whose logits exist whole; ``ours`` the layers and the loss of the training loop.
Forward and backward of a small LLaMA with LLaMA's vocabulary, every weight trained in float32. MEGABYTES is what the process may
take beyond what it holds before the pass (``RLIMIT_DATA``, set by the kernel's own count). Prints one JSON line: ``fits``, the
``loss`` in nats a token, ``pass_bytes`` resident at the peak beyond what was held before. Without arguments: both, at a
context and at four times as much, each in a process of its own. Linux only.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

CONTEXT, LIMIT = 2048, 1300


def status(name: str) -> int:
    """Bytes of an entry of the process's status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def one(kind: str, tokens: int, megabytes: int | None) -> dict[str, Any]:
    """What a pass of *tokens* takes, and whether it fits in so many more *megabytes*."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=32000, max_position_embeddings=tokens, **sizes))
    ids = torch.randint(3, 32000, (tokens,))
    step = {"plain": plain, "ours": ours}[kind]
    step(model, ids[:64])  # what the libraries set up once is no part of a pass
    model.zero_grad(set_to_none=True)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = status("VmRSS")
    if megabytes is not None:
        most = status("VmData") + (megabytes << 20)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        loss = step(model, ids)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        return {"fits": False}
    return {"fits": True, "loss": loss, "pass_bytes": status("VmHWM") - before}


def plain(model: Any, ids: Any) -> float:
    """As transformers has it."""
    loss = model(input_ids=ids[None], labels=ids[None], use_cache=False).loss
    loss.backward()
    return float(loss.detach())


def ours(model: Any, ids: Any) -> float:
    """As the training loop has it."""
    from belle_core.encoding import Encoded
    from belle_core.training.batches import collate
    from belle_core.training.examples import EncodedExamples
    from belle_core.training.fast import faster
    from belle_core.training.losses import answer_loss
    from belle_core.training.packing import packing

    encoded = EncodedExamples()
    encoded.add([Encoded(ids.tolist(), [1.0] * len(ids))], 1.0)
    with faster(model), packing(model, len(ids)) as packed:
        loss = answer_loss(model, collate(encoded, [0], packed=packed)) / (len(ids) - 1)
        loss.backward()
    return float(loss.detach())


def child(kind: str, tokens: int, megabytes: int | None = None) -> dict[str, Any]:
    """The same in a process of its own."""
    more = [] if megabytes is None else [str(megabytes)]
    done = subprocess.run([sys.executable, __file__, kind, str(tokens), *more], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(one(sys.argv[1], *([*map(int, sys.argv[2:]), None][:2]))))  # type: ignore[arg-type]
        return
    for kind in ("plain", "ours"):
        for tokens in (CONTEXT, 4 * CONTEXT):
            fits = child(kind, tokens, LIMIT)["fits"]
            print(json.dumps({"kind": kind, "tokens": tokens} | child(kind, tokens) | {f"fits_in_{LIMIT}_MB": fits}))


if __name__ == "__main__":
    main()
