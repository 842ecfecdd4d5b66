"""Tells how a run goes: metrics to the record and the trackers, a bar or lines to the user."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pytorch_lightning import Callback

from belle_core.language import say
from belle_core.notices import attended
from belle_core.training.batches import Step
from belle_core.training.gauges import Gauges, in_words

Emit = Callable[[str, dict[str, float], int], None]
LINE_SECONDS = 15.0


class Progress(Callback):
    """Sends the means of the last ``every`` steps; shows them and the time left. *dtype* is what is computed in."""

    def __init__(self, emit: Emit, every: int, dtype: str = "float32") -> None:
        self.emit, self.every, self.dtype = emit, every, dtype
        self._bar: Any = None
        self._shown = 0  # points of the curve that were sent

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """Begins counting, after the first dev loss; what was done before an interruption was sent then."""
        self._gauges = Gauges(module.model, self.dtype, module.tokens)
        self._began = self._line_at = time.monotonic()
        self._first, self._sent_step, self._words = module.done, module.done, ""
        self._send_dev(module)
        if attended():
            from tqdm import tqdm

            self._bar = tqdm(
                total=module.steps.total, initial=module.done, unit="step", leave=False, dynamic_ncols=True
            )

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Step, *_: Any) -> None:
        """After each optimizer step."""
        self._gauges.count(batch.tokens, sum(len(one.keep) for one in batch.batches))
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
        point, steps = module.curve.points[-1], max(1, module.done - self._sent_step)
        figures = {
            "loss": module.curve.train_loss(steps),
            "lr": point.lr,
            "grad_norm": point.grad_norm,
            "tokens": module.tokens,
            **module.curve.figures(steps),
            **self._gauges.read(module.tokens),
        }
        self.emit("train", figures, module.done)
        self._sent_step, self._words = module.done, in_words(figures)
        if self._bar is not None:
            self._bar.set_postfix_str(self._words)

    def _send_dev(self, module: Any) -> None:
        if module.curve.dev and module.curve.dev[-1].step == module.done:
            point = module.curve.dev[-1]
            self.emit("dev", {"loss": point.dev, **point.dev_figures}, module.done)

    def _line(self, module: Any) -> None:
        now, total = time.monotonic(), module.steps.total
        left = (now - self._began) / (module.done - self._first) * (total - module.done)
        clock = f"{left // 60:.0f}:{left % 60:02.0f}"
        words = self._words or f"loss {module.curve.train_loss(module.done):.3f}"
        print(say(f"      step {module.done}/{total} · {clock} left · {words}",
                  f"      第 {module.done}/{total} 步 · 剩余 {clock} · {words}"), flush=True)  # fmt: skip
        self._line_at = now
