"""The training loop's step: forward and backward over an optimizer step's batches, then one update."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from belle_core.config import TrainConfig
from belle_core.errors import BelleError
from belle_core.language import say
from belle_core.training.alarm import Alarm
from belle_core.training.averaging import Averages
from belle_core.training.batches import Batch, Step, Steps
from belle_core.training.curve import Curve, Point
from belle_core.training.examples import EncodedExamples
from belle_core.training.objective import Objective
from belle_core.training.optimizer import build_optimizer, decay_of, learning_rate
from belle_core.training.reference import add_reference
from belle_core.training.sharing.alone import Alone


class InstructionModule(LightningModule):
    """A model, an objective, and the optimizer steps that bring them together.

    What Lightning calls a batch is here one optimizer step (:class:`Step`), so that the loss can be divided by what the
    whole step learns from, and a saved state never lies inside an accumulation.
    """

    def __init__(
        self,
        model: Any,
        objective: Objective,
        config: TrainConfig,
        steps: Steps,
        dev: EncodedExamples | None,
        scratch: Path,
        sharing: Alone | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.strict_loading = False  # frozen weights are not in saved states
        self.model, self.objective, self.config = model, objective, config
        self.steps, self.dev, self.scratch, self.sharing = steps, dev, scratch, sharing or Alone()
        self.done = 0
        """Optimizer steps done."""
        self.tokens = 0
        """Tokens trained on by all processes, padding not counted."""
        self.curve = Curve()
        self.alarm: Alarm | None = None
        self.averages: Averages | None = None
        self.halves = False
        """Passes that are too large for the memory are made half as large."""

    @property
    def trainable(self) -> list[tuple[str, Tensor]]:
        """Names and tensors that train."""
        return [(name, p) for name, p in self.named_parameters() if p.requires_grad]

    def configure_model(self) -> None:
        """Divides the model among the processes, where the strategy does that."""
        self.sharing.divide(self)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The one that the run names; the learning rate is set step by step."""
        return build_optimizer(self.model, self.config)

    def on_train_start(self) -> None:
        """What the model says as it starts, if the objective wants it, and the dev loss before anything is learned."""
        if self.objective.reference:
            self._add_reference()
        if self.done == 0:
            self.curve.add(Point(0, **self._look()))

    def _add_reference(self) -> None:
        """After a resumption the numbers must be there: the model is no longer what it was."""
        for name, data in (("train", self.steps.encoded), ("dev", self.dev)):
            if data is not None:
                path = self.scratch / f"reference-{name}.npy"
                if self.done and not path.is_file():
                    raise BelleError(
                        f"{path} is gone, and what the model said as it started cannot be had again; delete the saved state, and the run begins anew",
                        f"{path} 已丢失，无法恢复初始模型的输出；删除保存的状态后，运行将从头开始",
                    )
                add_reference(
                    self.sharing.callee(self),
                    data,
                    path,
                    passes=self.steps.passes,
                    device=self.device,
                    precision=self.trainer.precision_plugin.forward_context,
                    sharing=self.sharing,
                )

    def training_step(self, step: Step, _: int) -> None:
        """One optimizer step; raises ``BelleError`` when the loss or the gradient is no number, or nothing is learned."""
        self._seed()
        step = self._ready(step)
        for _ in range(self.objective.updates):
            point, tokens = self._update(step)
        if self.averages:
            self.averages.update()
        self.done += 1
        self.tokens += tokens
        self.curve.add(replace(point, **(self._look() if self._looks_now() else {})))

    def _update(self, step: Step) -> tuple[Point, int]:
        """Forward, backward and one update of the weights; what to tell of it, and the tokens of all processes."""
        optimizer: Any = self.optimizers()
        loss = self._gradients(step)
        if self.done == 0:
            self._check_gradients()
        clipped = self.sharing.clip(self, self.config.clip).float()
        (mean, tokens, norm), reported = self._told(step.amount, loss, float(step.tokens), own=clipped)
        if self.alarm:
            self.alarm.check(self, step, mean, norm)
        rate = learning_rate(self.config, self.done, self.steps.total)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"]
        optimizer.step()
        norm = self.sharing.norm(self, norm)
        optimizer.zero_grad(set_to_none=True)
        return Point(self.done + 1, mean, rate, norm, figures=reported), int(tokens)

    def _ready(self, step: Step) -> Step:
        """What the objective makes of *step*; passes of an objective that changes it stay as they are."""
        ready = self.objective.ready(self.sharing.callee(self), step)
        self.halves = self.halves and ready is step and self.objective.updates == 1
        return ready

    def _gradients(self, step: Step) -> Tensor:
        """As :meth:`_backward`, where memory does not suffice in smaller passes, from then on."""
        while True:
            try:
                return self._backward(step)
            except torch.OutOfMemoryError:
                if not self.halves or self.steps.passes.sequences == 1:
                    raise
            self.steps.passes = self.steps.passes.halved()
            size = self.steps.passes.sequences
            print(say(f"      too little memory: trainer.batch={size} from here on",
                      f"      内存不足：此后 trainer.batch={size}"), flush=True)  # fmt: skip
            self.zero_grad(set_to_none=True)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.objective.figures = {}
            self._seed()
            step = self._ready(self.steps.at(self.done).to(self.device))

    def _backward(self, step: Step) -> Tensor:
        """This process's part of the step's mean loss in nats; gradients are those of the whole mean."""
        total = torch.zeros((), device=self.device)
        for number, (batch, weight) in enumerate(step.weighted, 1):
            loss = self._loss(batch, weight) / step.amount
            with self.sharing.backward(self, last=number == len(step.batches)) as factor:
                self.manual_backward(loss * factor)
            total += loss.detach()
        return total

    @torch.no_grad()
    def _look(self) -> dict[str, Any]:
        """Mean loss over the dev examples in nats and what is reported beside it, without dropout, for a ``Point``."""
        if self.dev is None:
            return {}
        self.model.eval()
        with self.evaluated(), self.trainer.precision_plugin.forward_context():
            step = self.steps.passes.step(self.dev, np.arange(len(self.dev)), self.dev.lengths)
            step = self.objective.ready(self.sharing.callee(self), step.to(self.device))
            loss = sum(self._loss(batch, weight) for batch, weight in step.weighted)
        self.model.train()
        (total,), reported = self._told(step.amount, loss)
        return {"dev": total / step.amount, "dev_figures": reported}

    def _loss(self, batch: Batch, weight: float) -> Tensor:
        """Summed loss of a batch; one with weight 0 leaves no trace in what is reported either."""
        before = self.objective.figures
        self.objective.figures = dict(before)
        loss = self.objective.loss(self.sharing.callee(self), batch) * weight
        if not weight:
            self.objective.figures = {
                name: before.get(name, 0 * value) for name, value in self.objective.figures.items()
            }
        return loss

    def _told(
        self, amount: float, *sums: Tensor | float, own: Tensor | None = None
    ) -> tuple[list[float], dict[str, float]]:
        """Of all processes the *sums*, then this one's *own*; and means of what the objective reported since it was last asked.

        Here the host waits for the device, and nowhere else in a step.
        """
        reported, self.objective.figures = self.objective.figures, {}
        names = sorted(reported)
        asked = [*sums, *(reported[name] for name in names)]
        summed = self.sharing.total(
            torch.stack([torch.as_tensor(value, dtype=torch.float32, device=self.device) for value in asked])
        )
        found: list[float] = (summed if own is None else torch.cat([summed, own[None]])).tolist()
        means = {name: value / amount for name, value in zip(names, found[len(sums) :], strict=False)}
        return found[: len(sums)] + found[len(asked) :], means

    def evaluated(self) -> AbstractContextManager[None]:
        """The weights that are evaluated and kept: the averages where there are any."""
        return self.averages.in_place() if self.averages else nullcontext()

    def _looks_now(self) -> bool:
        looks = self.config.looks
        return self.done * looks // self.steps.total > (self.done - 1) * looks // self.steps.total

    def _check_gradients(self) -> None:
        missing = [name for name, p in self.trainable if not self.sharing.learned(p)]
        if missing:
            raise RuntimeError(
                f"{len(missing)} of {len(self.trainable)} trainable tensors got no gradient, the first is {missing[0]}"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the position; leaves out frozen weights, and the loops, which begin anew."""
        names = {name for name, _ in self.trainable}
        checkpoint["state_dict"] = {name: t for name, t in checkpoint["state_dict"].items() if name in names}
        del checkpoint["loops"]
        checkpoint["run"] = {"done": self.done, "tokens": self.tokens, "curve": self.curve.rows()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Goes back to the saved position; raises ``BelleError`` when the state is of another model."""
        if {name for name, _ in self.trainable} != set(checkpoint["state_dict"]):
            path = self.trainer.ckpt_path
            raise BelleError(
                f"the saved state {path} is of another model; delete it, and the run begins anew",
                f"保存的状态 {path} 属于另一个模型；删除它后，运行将从头开始",
            )
        for state in checkpoint.get("optimizer_states", ()):  # it may go on from a run that had another decay
            for group in state["param_groups"]:
                group["weight_decay"] = decay_of(group["role"], self.config)
        run = checkpoint["run"]
        self.done, self.tokens = run["done"], run["tokens"]
        self.curve = Curve.of(run["curve"])
        self.steps.start = self.done

    def _seed(self) -> None:
        """What is random in a step follows from its number and the process, so a resumed run needs no random state."""
        state = np.random.SeedSequence([self.steps.seed, self.done, self.sharing.rank]).generate_state(1, np.uint64)
        torch.manual_seed(int(state[0]) >> 1)
