"""The training loop's step: forward and backward over an optimizer step's batches, then one update."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor

from belle_core.config import TrainConfig
from belle_core.errors import BelleError
from belle_core.training.alarm import Alarm
from belle_core.training.averaging import Averages
from belle_core.training.batches import Step, Steps, collate_all
from belle_core.training.curve import Curve, Point
from belle_core.training.examples import EncodedExamples
from belle_core.training.objective import Objective
from belle_core.training.optimizer import build_optimizer, learning_rate
from belle_core.training.reference import add_reference


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
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.strict_loading = False  # frozen weights are not in saved states
        self.model, self.objective, self.config = model, objective, config
        self.steps, self.dev, self.scratch = steps, dev, scratch
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
        """What the model says as it starts, if the objective wants it, and the dev loss before anything is learned."""
        if self.objective.reference:
            self._add_reference()
        if self.done == 0:
            self.curve.add(Point(0, **self._look()))

    def _add_reference(self) -> None:
        """After a resumption the numbers must be there: the model is no longer what it was."""
        for name, data in (("train", self.steps.encoded), ("dev", self.dev)):
            if data is not None:
                path = self.scratch / f"reference-{name}-{self.global_rank}.npy"
                if self.done and not path.is_file():
                    raise BelleError(
                        f"{path} is gone, and what the model said as it started cannot be had again; delete the saved state, and the run begins anew",
                        f"{path} 已丢失，无法恢复初始模型的输出；删除保存的状态后，运行将从头开始",
                    )
                add_reference(
                    self.model,
                    data,
                    path,
                    passes=self.steps.passes,
                    device=self.device,
                    precision=self.trainer.precision_plugin.forward_context,
                )

    def training_step(self, step: Step, _: int) -> None:
        """One optimizer step; raises ``BelleError`` when the loss or the gradient is no number, or nothing is learned."""
        self._restore_random()
        optimizer: Any = self.optimizers()
        step = self.objective.ready(self.model, step)
        loss = self._backward(step)
        reported = self._reported(step.amount)
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
        look = self._look() if self._looks_now() else {}
        self.curve.add(Point(self.done, figures[0], rate, figures[1], figures=reported, **look))

    def _backward(self, step: Step) -> Tensor:
        """Mean loss of the step in nats; gradients are those of this mean."""
        total = torch.zeros((), device=self.device)
        for batch in step.batches:
            loss = self.objective.loss(self.model, batch) / step.amount
            self.manual_backward(loss)
            total += loss.detach()
        return total

    @torch.no_grad()
    def _look(self) -> dict[str, Any]:
        """Mean loss over the dev examples in nats and what is reported beside it, without dropout, for a ``Point``."""
        if self.dev is None:
            return {}
        self.model.eval()
        with self.evaluated(), self.trainer.precision_plugin.forward_context():
            step = Step(collate_all(self.dev, self.steps.passes), sum(self.dev.amounts))
            step = self.objective.ready(self.model, step.to(self.device))
            total = sum(self.objective.loss(self.model, batch) for batch in step.batches)
        self.model.train()
        return {"dev": float(total) / step.amount, "dev_figures": self._reported(step.amount)}

    def _reported(self, amount: float) -> dict[str, float]:
        """Means of what the objective reported since it was last asked."""
        sums, self.objective.figures = self.objective.figures, {}
        return {name: float(value) / amount for name, value in sums.items()}

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
