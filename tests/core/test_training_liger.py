"""Liger's loss against ours. Without a GPU, Triton interprets the kernels on the CPU, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

COMPARE = """
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from belle_core.encoding import Encoded
from belle_core.training import losses
from belle_core.training.batches import collate
from belle_core.training.examples import EncodedExamples
from belle_core.training.fast import liger

device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)
sizes = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2)
model = LlamaForCausalLM(LlamaConfig(vocab_size=50, **sizes)).to(device)
output = model.get_output_embeddings().weight
assert liger.suits(output)

def result(weights, loss, frozen, suits):
    encoded = EncodedExamples()
    for length in (5, 9):
        encoded.add([Encoded(torch.randint(3, 50, (length,), generator=torch.Generator().manual_seed(length)).tolist(), weights(length))], 1.0)
    output.requires_grad_(not frozen)
    liger.suits = lambda _: suits
    model.zero_grad(set_to_none=True)
    value = loss(model, collate(encoded, [0, 1]).to(device))
    (value * torch.arange(1, 1 + value.numel(), device=device).view_as(value)).sum().backward()
    return value, [p.grad for p in model.parameters() if p.grad is not None]

for weights in (lambda n: [2.0] * n, lambda n: [float(1 + k % 3) for k in range(n)]):
    for loss in (losses.answer_loss, losses.token_losses):
        for frozen in (False, True):
            ours, theirs = (result(weights, loss, frozen, suits) for suits in (False, True))
            torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-5)
print("equal")
"""


@pytest.mark.slow
def test_the_fused_loss_and_its_gradients_are_ours():
    pytest.importorskip("triton", reason="Liger's kernels need triton")
    pytest.importorskip("liger_kernel", reason='needs pip install "belle[liger]"')
    environment = os.environ | ({} if os.path.exists("/dev/nvidia0") else {"TRITON_INTERPRET": "1"})
    done = subprocess.run([sys.executable, "-c", COMPARE], capture_output=True, text=True, env=environment)
    assert done.stdout == "equal\n", done.stderr
