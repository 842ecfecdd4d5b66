"""GRPO: each answer is compared with the others to the same question."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from belle_rl.policy import Policy

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch, Step
    from belle_rl.rollout import Rollout


class Grpo(Policy):
    """Mean over answers of the mean over their tokens of ``-min(q A, clip(q) A) + beta KL`` (arXiv 2402.03300, equation 3)."""

    def judged(self, model: Any, step: Step, rewards: Tensor) -> Step:
        """Every token of an answer has the advantage of the answer."""
        from belle_rl.advantage import group_advantages

        advantages = group_advantages(rewards, self.config.group)
        done: list[Batch] = []
        for one in step.batches:
            old = self.logps(model, one)[0] if self.config.updates > 1 else None
            own = advantages[list(one.examples)]
            done.append(replace(cast("Rollout", one), advantages=own[one.rows], old=old))
        return replace(step, batches=done)

    def learn(self, model: Any, batch: Rollout) -> Tensor:
        """Sum over the answers."""
        import torch

        from belle_rl.losses import divergence, policy_losses

        assert batch.advantages is not None
        logps, _ = self.logps(model, batch)
        old = logps.detach() if batch.old is None else batch.old
        losses = policy_losses(logps, old, batch.advantages, self.config.clip)
        length = losses.new_zeros(batch.sequences).index_add(0, batch.rows, torch.ones_like(losses))
        if batch.start is not None:
            moved = divergence(logps, batch.start)
            losses = losses + self.config.beta * moved
            self.report(kl=(moved / length[batch.rows]).sum())
        self.report(reward=batch.reward.sum(), length=length.sum())
        return (losses / length[batch.rows]).sum()
