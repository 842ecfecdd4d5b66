"""PPO: a layer on the same model estimates the reward to come, and each token is compared with that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from belle_rl.policy import Policy

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Step
    from belle_core.training.start import Start
    from belle_rl.rollout import Rollout


class Ppo(Policy):
    """Mean over tokens of ``-min(q A, clip(q) A) + w (V - R)^2 / 2`` (arXiv 1707.06347, equation 9), with the reward
    at the last token and ``-beta log(p / p_start)`` at each (arXiv 2203.02155, equation 2)."""

    def begin(self, model: Any, start: Start) -> None:
        """Adds the layer that estimates; it begins with 0 everywhere."""
        from belle_core.training.heads import new_head

        super().begin(model, start)
        model.value = new_head(start.loaded.model, seed=0)
        model.value.weight.data.zero_()

    def end(self, model: Any) -> None:
        """The layer is of no use afterwards."""
        del model.value

    def judged(self, model: Any, step: Step, rewards: Tensor) -> Step:
        """Every token has an advantage of its own; they are whitened over the whole step."""
        import torch

        from belle_rl.advantage import generalized_advantages, moments

        settings = {"gamma": self.config.gamma, "lam": self.config.lam}
        done = []
        for one in cast("list[Rollout]", step.batches):
            old, values = self.seen(model, one)
            told = token_rewards(one, old, self.config.beta)
            gained = generalized_advantages(told, values, one.rows, **settings)
            done.append(replace(one, old=old, values=values, advantages=gained, returns=gained + values))
        counted = [one.advantages for one in done[: len(done) - step.fillers]]
        number, mean, deviation = moments(torch.cat([*counted, rewards.new_zeros(0)]), self.total)
        white = [
            replace(o, advantages=(o.advantages - mean) / (deviation + 1e-8), scale=number / step.amount) for o in done
        ]
        return replace(step, batches=white, amount=number)

    def seen(self, model: Any, batch: Rollout) -> tuple[Tensor, Tensor]:
        """Log-probabilities and values, (labels,)."""
        from belle_core.training.heads import scores

        logps, hidden = self.logps(model, batch)
        return logps, scores(model.value, hidden)

    def learn(self, model: Any, batch: Rollout) -> Tensor:
        """Sum over the tokens."""
        from belle_rl.losses import policy_losses, value_losses

        assert batch.old is not None and batch.advantages is not None
        assert batch.values is not None and batch.returns is not None
        logps, values = self.seen(model, batch)
        gain = policy_losses(logps, batch.old, batch.advantages, self.config.clip)
        error = value_losses(values, batch.values, batch.returns, self.config.value_clip)
        self.report(reward=batch.reward.sum() * batch.scale, value_loss=error.sum())
        self.report(length=batch.rows.new_tensor(len(batch.rows)).float() * batch.scale)
        if batch.start is not None:
            self.report(kl=(logps - batch.start).sum())
        return (gain + self.config.value_weight * error).sum()


def token_rewards(batch: Rollout, logps: Tensor, beta: float) -> Tensor:
    """``-beta log(p / p_start)`` at every token, and the answer's reward at its last one, (labels,)."""
    import torch

    assert batch.reward is not None
    told = torch.zeros_like(logps) if batch.start is None else -beta * (logps - batch.start)
    lasts = torch.zeros(batch.sequences, dtype=torch.int64, device=batch.rows.device)
    lasts = lasts.index_add(0, batch.rows, torch.ones_like(batch.rows)).cumsum(0) - 1
    return told.index_add(0, lasts, batch.reward.to(told.dtype))
