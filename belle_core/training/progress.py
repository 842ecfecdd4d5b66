"""Tells how a run goes: metrics to the record and the trackers, a bar or lines to the user."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from pytorch_lightning import Callback

from belle_core.language import say

Emit = Callable[[str, dict[str, float], int], None]
LINE_SECONDS = 15.0


class Progress(Callback):
    """Sends the mean of the last ``every`` steps; shows the rate and the time left."""

    def __init__(self, emit: Emit, every: int) -> None:
        self.emit, self.every = emit, every
        self._bar: Any = None
        self._shown = 0  # points of the curve that were sent

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """Begins counting, after the first dev loss; what was done before an interruption was sent then."""
        self._began = self._line_at = self._sent_at = time.monotonic()
        self._first, self._sent_step, self._sent_tokens = module.done, module.done, module.tokens
        self._send_dev(module)
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=module.steps.total, initial=module.done, unit="step", leave=False, dynamic_ncols=True
            )

    def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
        """After each optimizer step."""
        if module.done % self.every == 0 or module.done == module.steps.total:
            self._send(module)
        if module.curve.points[-1].dev is not None:
            self._send_dev(module)
        if self._bar is not None:
            self._bar.update(1)
        elif time.monotonic() - self._line_at >= LINE_SECONDS:
            self._line(module)

    def teardown(self, trainer: Any, module: Any, stage: str) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()

    def _send(self, module: Any) -> None:
        now, point = time.monotonic(), module.curve.points[-1]
        steps = max(1, module.done - self._sent_step)
        rate = (module.tokens - self._sent_tokens) / max(now - self._sent_at, 1e-9)
        loss = module.curve.train_loss(steps)
        self.emit(
            "train",
            {
                "loss": loss,
                "lr": point.lr,
                "grad_norm": point.grad_norm,
                "tokens": module.tokens,
                "tokens_per_second": rate,
                **module.curve.figures(steps),
            },
            module.done,
        )
        self._sent_at, self._sent_step, self._sent_tokens = now, module.done, module.tokens
        if self._bar is not None:
            self._bar.set_postfix_str(
                say(f"loss {loss:.3f}, {rate:,.0f} tokens/s", f"损失 {loss:.3f}，{rate:,.0f} 词元/秒")
            )

    def _send_dev(self, module: Any) -> None:
        if module.curve.dev and module.curve.dev[-1].step == module.done:
            point = module.curve.dev[-1]
            self.emit("dev", {"loss": point.dev, **point.dev_figures}, module.done)

    def _line(self, module: Any) -> None:
        now, total = time.monotonic(), module.steps.total
        left = (now - self._began) / (module.done - self._first) * (total - module.done)
        loss = module.curve.train_loss(min(self.every, module.done))
        clock = f"{left // 60:.0f}:{left % 60:02.0f}"
        print(say(f"      step {module.done}/{total} · loss {loss:.3f} · {clock} left",
                  f"      第 {module.done}/{total} 步 · 损失 {loss:.3f} · 剩余 {clock}"), flush=True)  # fmt: skip
        self._line_at = now
