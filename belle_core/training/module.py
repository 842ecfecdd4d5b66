"""The training loop's step: forward and backward over an optimizer step's batches, then one update."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from belle_core.config import TrainConfig
from belle_core.errors import BelleError
from belle_core.training.alarm import Alarm
from belle_core.training.averaging import Averages
from belle_core.training.batches import Batch, Step, Steps
from belle_core.training.curve import Curve, Point
from belle_core.training.objective import Objective
from belle_core.training.optimizer import build_optimizer, learning_rate


class InstructionModule(LightningModule):
    """A model, an objective, and the optimizer steps that bring them together.

    What Lightning calls a batch is here one optimizer step (:class:`Step`), so that the loss can be divided by what the
    whole step learns from, and a saved state never lies inside an accumulation.
    """

    def __init__(
        self, model: Any, objective: Objective, config: TrainConfig, steps: Steps, dev: list[Batch], dev_amount: float
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.strict_loading = False  # frozen weights are not in saved states
        self.model, self.objective, self.config = model, objective, config
        self.steps, self.dev, self.dev_amount = steps, dev, dev_amount
        self.done = 0
        """Optimizer steps done."""
        self.tokens = 0
        """Tokens trained on, padding not counted."""
        self.curve = Curve()
        self.alarm: Alarm | None = None
        self.averages: Averages | None = None
        self._random: dict[str, Any] | None = None

    @property
    def trainable(self) -> list[tuple[str, Tensor]]:
        """Names and tensors that train."""
        return [(name, p) for name, p in self.named_parameters() if p.requires_grad]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The one that the run names; the learning rate is set step by step."""
        return build_optimizer(self.model, self.config)

    def on_train_start(self) -> None:
        """The dev loss before anything is learned."""
        if self.done == 0:
            self.curve.add(Point(0, dev=self.dev_loss()))

    def training_step(self, step: Step, _: int) -> None:
        """One optimizer step; raises ``BelleError`` when the loss or the gradient is no number, or nothing is learned."""
        self._restore_random()
        optimizer: Any = self.optimizers()
        loss = self._backward(step)
        if self.done == 0:
            self._check_gradients()
        norm = torch.nn.utils.clip_grad_norm_([p for _, p in self.trainable], self.config.clip or math.inf)
        figures = torch.stack([loss, norm.float()]).tolist()
        if self.alarm:
            self.alarm.check(self, step, *figures)
        rate = learning_rate(self.config, self.done, self.steps.total)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if self.averages:
            self.averages.update(self)
        self.done += 1
        self.tokens += step.tokens
        dev = self.dev_loss() if self._looks_now() else None
        self.curve.add(Point(self.done, figures[0], rate, figures[1], dev))

    def _backward(self, step: Step) -> Tensor:
        """Mean loss of the step in nats; gradients are those of this mean."""
        total = torch.zeros((), device=self.device)
        for batch in step.batches:
            loss = self.objective.loss(self.model, batch) / step.amount
            self.manual_backward(loss)
            total += loss.detach()
        return total

    @torch.no_grad()
    def dev_loss(self) -> float | None:
        """Mean loss over the dev examples in nats, without dropout; ``None`` when there are none."""
        if not self.dev:
            return None
        self.model.eval()
        with self.evaluated(), self.trainer.precision_plugin.forward_context():
            total = sum(self.objective.loss(self.model, batch.to(self.device)) for batch in self.dev)
        self.model.train()
        return float(total) / self.dev_amount

    def evaluated(self) -> AbstractContextManager[None]:
        """The weights that are evaluated and kept: the averages where there are any."""
        return self.averages.in_place(self) if self.averages else nullcontext()

    def _looks_now(self) -> bool:
        looks = self.config.looks
        return self.done * looks // self.steps.total > (self.done - 1) * looks // self.steps.total

    def _check_gradients(self) -> None:
        missing = [name for name, p in self.trainable if p.grad is None]
        if missing:
            raise RuntimeError(
                f"{len(missing)} of {len(self.trainable)} trainable tensors got no gradient, the first is {missing[0]}"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the position and the random states; leaves out frozen weights, and the loops, which begin anew."""
        names = {name for name, _ in self.trainable}
        checkpoint["state_dict"] = {name: t for name, t in checkpoint["state_dict"].items() if name in names}
        del checkpoint["loops"]
        random = {
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        checkpoint["run"] = {"done": self.done, "tokens": self.tokens, "curve": self.curve.rows(), "random": random}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Goes back to the saved position; raises ``BelleError`` when the state is of another model."""
        if {name for name, _ in self.trainable} != set(checkpoint["state_dict"]):
            path = self.trainer.ckpt_path
            raise BelleError(
                f"the saved state {path} is of another model; delete it, and the run begins anew",
                f"保存的状态 {path} 属于另一个模型；删除它后，运行将从头开始",
            )
        run = checkpoint["run"]
        self.done, self.tokens, self._random = run["done"], run["tokens"], run["random"]
        self.curve = Curve.of(run["curve"])
        self.steps.start = self.done

    def _restore_random(self) -> None:
        """As late as the first step: what happens between loading and it may draw random numbers."""
        if self._random is not None:
            torch.set_rng_state(self._random["cpu"].cpu())
            if self._random["cuda"]:
                torch.cuda.set_rng_state_all([state.cpu() for state in self._random["cuda"]])
            self._random = None
