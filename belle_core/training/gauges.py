"""What a run costs while it goes on: time, rate, share of the machine's peak, memory."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from belle_core.console import size_text
from belle_core.language import say
from belle_core.planning.rate import measure_matmul

MEASURED_SECONDS = 0.2
peak = cache(lambda dtype: measure_matmul(dtype, MEASURED_SECONDS))
"""Floating-point operations per second of matrix products on this machine, measured once per process and format."""


def operations(model: Any) -> tuple[int, int]:
    """Operations of the matrix products for a token: in the body, and in the output layer where a label is predicted.

    Per weight 2 forward, 2 backward where something before it trains, 2 if it trains itself. Attention scores are not
    counted, nor is what is computed a second time (``trainer.gradient_checkpointing``). Of the first block with an
    adapter a few too many are counted: layers beside each other are taken for one after the other.
    """
    output, reached = model.get_output_embeddings(), False
    body = head = 0
    for module in model.modules():
        reached = reached or any(p.requires_grad for p in module.parameters(recurse=False))
        if isinstance(module, nn.Embedding) or not isinstance(module, (nn.Linear, Conv1D)):
            continue
        sizes = (module.in_features, module.out_features) if isinstance(module, nn.Linear) else (module.nx, module.nf)
        each = sizes[0] * sizes[1] * (2 + 2 * reached + 2 * module.weight.requires_grad)
        if module is output:
            head += each
        else:
            body += each
    return body, head


class Gauges:
    """Figures over the optimizer steps since they were last read."""

    def __init__(self, model: Any, dtype: str, total: int) -> None:
        self.body, self.head = operations(model)
        self.peak = peak(dtype)
        self._restart(total)

    def _restart(self, total: int) -> None:
        self._since, self._steps, self._tokens, self._labels = time.perf_counter(), 0, 0, 0
        self._total = total

    def count(self, tokens: int, labels: int) -> None:
        """After an optimizer step: what this process computed."""
        self._steps, self._tokens, self._labels = self._steps + 1, self._tokens + tokens, self._labels + labels

    def read(self, total: int) -> dict[str, float]:
        """Seconds per step, tokens per second, model FLOPs utilization (arXiv 2204.02311), bytes; begins anew.

        *total* is the number of tokens so far, of all processes; utilization and memory are this one's.
        """
        seconds = max(time.perf_counter() - self._since, 1e-9)
        figures = {
            "step_seconds": seconds / max(1, self._steps),
            "tokens_per_second": (total - self._total) / seconds,
            "mfu": (self.body * self._tokens + self.head * self._labels) / seconds / self.peak,
            "memory_bytes": float(memory()),
        }
        self._restart(total)
        return figures


def memory() -> int:
    """Bytes: the most that was in use on the GPU, or what the process holds in main memory."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    import psutil

    return int(psutil.Process().memory_info().rss)


def in_words(figures: dict[str, float]) -> str:
    """The figures that matter at a glance."""
    return say(
        f"loss {figures['loss']:.3f}, rate {figures['lr']:.1e}, norm {figures['grad_norm']:.2f}, {figures['tokens_per_second']:,.0f} tokens/s, "
        f"MFU {figures['mfu']:.0%}, {size_text(figures['memory_bytes'])}",
        f"损失 {figures['loss']:.3f}，学习率 {figures['lr']:.1e}，梯度 {figures['grad_norm']:.2f}，{figures['tokens_per_second']:,.0f} 词元/秒，"
        f"MFU {figures['mfu']:.0%}，{size_text(figures['memory_bytes'])}",
    )
