"""Stops a run whose loss is no number or leaps up, and leaves behind what it saw in that step."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from belle_core.errors import BelleError
from belle_core.training.batches import Batch, Step

WINDOW = 32
"""Optimizer steps that a loss is compared with."""


class Alarm:
    """Checks every optimizer step before its update is made.

    *folder* is where the step's sequences go when it goes wrong, *decode* turns ids into text, *spike* is how many nats
    above the highest loss of the last ``WINDOW`` steps a loss may be, more where these lie farther apart; 0: any.
    """

    def __init__(self, folder: Path, decode: Callable[[list[int]], str], spike: float) -> None:
        self.folder, self.decode, self.spike = folder, decode, spike

    def check(self, module: Any, step: Step, loss: float, norm: float) -> None:
        """Raise ``BelleError`` that says what is wrong, what can be done, and which file holds the sequences."""
        if (loss == 0 and not module.objective.vanishes) or not math.isfinite(loss) or not math.isfinite(norm):
            path, rate = self._save(module, step, loss, norm), module.config.learning_rate
            raise BelleError(
                f"at optimizer step {module.done + 1} the loss is {loss:g} and the gradient's norm {norm:g}, so nothing sound can be "
                f"learned; try a lower train.learning_rate (now {rate:g}), a longer train.warmup, or trainer.precision=32-true. "
                f"Its sequences are in {path}",
                f"第 {module.done + 1} 个优化步的损失为 {loss:g}，梯度范数为 {norm:g}，无法继续有效训练；"
                f"请调小 train.learning_rate（现为 {rate:g}）、加长 train.warmup，或使用 trainer.precision=32-true。该步的序列保存在 {path}",
            )
        losses = [point.loss for point in module.curve.points[-WINDOW:] if point.loss is not None]
        highest = max(losses) if len(losses) == WINDOW else math.inf
        spread = highest - min(losses, default=0.0)  # some losses are no nats, and go up and down by hundreds
        if self.spike and loss > highest + max(self.spike, spread):
            path = self._save(module, step, loss, norm)
            raise BelleError(
                f"at optimizer step {module.done + 1} the loss leaps to {loss:.3g}, and was at most {highest:.3g} in the {WINDOW} steps "
                f"before; look at its sequences in {path}, then lower train.learning_rate, or say trainer.spike=0 to go on",
                f"第 {module.done + 1} 个优化步的损失突增至 {loss:.3g}，而之前 {WINDOW} 步最高为 {highest:.3g}；"
                f"请查看 {path} 中的序列，然后调小 train.learning_rate，或用 trainer.spike=0 继续",
            )

    def _save(self, module: Any, step: Step, loss: float, norm: float) -> Path:
        rank = f"-rank-{module.global_rank}" if module.global_rank else ""
        path = self.folder / f"step-{module.done + 1}{rank}.json"
        about = {"step": module.done + 1, "loss": str(loss), "grad_norm": str(norm), "amount": step.amount}
        sequences = [sequence for batch in step.batches for sequence in self._sequences(batch)]
        text = json.dumps(about | {"sequences": sequences}, ensure_ascii=False, indent=1)
        path.write_text(text.encode("utf-8", "replace").decode(), encoding="utf-8")
        return path

    def _sequences(self, batch: Batch) -> Iterator[dict[str, Any]]:
        """Every sequence with its text and the labels in it: ``[position, token, weight]``, the token being the one after it."""
        flat = batch.ids.flatten().tolist()
        labels: list[list[list[float]]] = [[] for _ in batch.lengths]
        firsts = [last - length + 1 for last, length in zip(batch.lasts.tolist(), batch.lengths, strict=True)]
        columns = (batch.rows, batch.keep, batch.targets, batch.weights)
        for row, place, token, weight in zip(*(column.tolist() for column in columns), strict=True):
            labels[row].append([place - firsts[row], token, weight])
        for first, length, learned in zip(firsts, batch.lengths, labels, strict=True):
            ids = flat[first : first + length]
            yield {"text": self.decode(ids), "learned": self._learned(learned), "ids": ids, "labels": learned}

    def _learned(self, labels: Sequence[Sequence[float]]) -> str:
        return self.decode([int(token) for _, token, _ in labels])
