"""What GRPO and PPO share: the model answers, the answers are judged, and then it learns from them."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from belle_core.conversation import Example
from belle_core.encoding import Encoded, Encoder
from belle_core.errors import BelleError
from belle_core.training.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch, Step
    from belle_core.training.start import Start
    from belle_rl.rollout import Asked, Rollout


class Policy(Objective):
    """An optimizer step gives questions; the model answers each ``group`` times before it learns from all of that.

    Random numbers come from torch's generator, which is part of the saved state, so a resumed run gives the same answers.
    """

    vanishes = True  # where all answers are equally good there is nothing to learn

    @property
    def updates(self) -> int:
        """Optimizer updates with the same answers."""
        return int(self.config.updates)

    def encode(self, example: Example, encoder: Encoder) -> Sequence[Encoded]:
        """The question, with the reference answer (or nothing but an end) as labels, which are not learned but compared."""
        assert example.conversation is not None
        if example.conversation.answer:
            return (encoder.encode(example.conversation.answered(example.conversation.answer)),)
        prompt = encoder.prompt(example.conversation)
        return (Encoded([*prompt, encoder.stop_ids[0]], [0.0] * len(prompt) + [1.0]),)

    def amount(self, sequences: Sequence[Encoded]) -> float:
        """Every question counts once."""
        return 1.0

    def begin(self, model: Any, start: Start) -> None:
        """Gets the judge, and a reference where the divergence from it counts."""
        from belle_rl.judge import Judge

        if start.passes.ranks > 1:
            raise BelleError(
                "learning from rewards runs in one process; say trainer.devices=1 trainer.nodes=1",
                "基于奖励的学习只在一个进程中运行；请写 trainer.devices=1 trainer.nodes=1",
            )
        self.loaded, self.passes, self.judge = start.loaded, start.passes, Judge(self.config, start)
        self.reference_model = None
        if self.config.beta > 0 and not can_do_without(model):
            self.reference_model = copy.deepcopy(model).eval().requires_grad_(False)

    def ready(self, model: Any, step: Step) -> Step:
        """Answers to the step's questions, judged; those to dev questions are the likeliest ones."""
        from dataclasses import replace

        from belle_rl.rollout import answered, questions, rollout

        asked = [one for batch in step.batches for one in questions(batch)]
        device = step.batches[0].ids.device
        if not model.training:
            rewards = self.judge(asked, self.answers(model, asked, temperature=0.0), device)
            return replace(step, batches=[rollout(step.batches[0], reward=rewards)], amount=len(asked))
        asked = [one for one in asked for _ in range(self.config.group)]
        answers = self.answers(model, asked, temperature=self.config.temperature)
        rewards = self.judge(asked, answers, device)
        rollouts, parts = [], []
        with as_it_is(model):
            for batch, part in answered(asked, answers, self.passes):
                batch = batch.to(device)
                rollouts.append(rollout(batch, reward=rewards[part], start=self.start_logps(model, batch)))
                parts.append(part)
            return self.judged(model, rollouts, rewards, parts)

    @abstractmethod
    def judged(self, model: Any, rollouts: list[Rollout], rewards: Tensor, parts: list[list[int]]) -> Step:
        """The step to learn from: *rollouts* with their advantages. *rewards* are those of all answers in the order in
        which they were given, *parts* the numbers of the answers in each rollout."""

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum over the answers; of dev questions, minus the reward."""
        if not model.training:
            self.report(reward=batch.reward.sum())
            return -batch.reward.sum()
        return self.learn(model, batch)

    @abstractmethod
    def learn(self, model: Any, batch: Rollout) -> Tensor:
        """Sum of the loss over *batch*, in the measure of the step's amount."""

    def answers(self, model: Any, asked: Sequence[Asked], *, temperature: float) -> list[list[int]]:
        """Ids of the answers, with the token that ends them where they do."""
        import torch

        from belle_core.generation.local import generate, room_for_answer

        room, stop = self.loaded.context_length, self.loaded.encoder.stop_ids[0]
        seed = int(torch.randint(2**31, (1,))) if temperature else 0
        settings = {"stop_ids": [stop], "max_new_tokens": self.config.max_new_tokens, "context_length": room}
        found = generate(model, [one.prompt for one in asked], temperature=temperature, seed=seed, **settings)
        most = [room_for_answer(len(one.prompt), self.config.max_new_tokens, room) for one in asked]
        return [ids if len(ids) == limit else [*ids, stop] for ids, limit in zip(found, most, strict=True)]

    def logps(self, model: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log-probability of each token of the answers at the temperature at which they are drawn, and hidden states."""
        import torch

        from belle_core.training.losses import label_states

        logits, hidden = label_states(model, batch)
        logits = logits.float() / self.config.temperature
        return torch.log_softmax(logits, -1).gather(1, batch.targets[:, None])[:, 0], hidden

    def start_logps(self, model: Any, batch: Batch) -> Tensor | None:
        """The same under the model as it started; ``None`` where it does not count."""
        if self.config.beta == 0:
            return None
        if self.reference_model is not None:
            return self.logps(self.reference_model.to(batch.ids.device), batch)[0]
        with model.disable_adapter():
            return self.logps(model, batch)[0]


@contextmanager
def as_it_is(model: Any) -> Iterator[None]:
    """The model without dropout, and nothing is learned."""
    import torch

    model.eval()
    with torch.no_grad():
        yield
    model.train()


def can_do_without(model: Any) -> bool:
    """Whether the model as it started is there when its adapter is switched off."""
    configs = getattr(model, "peft_config", {}).values()
    return bool(configs) and not any(
        config.init_lora_weights == "pissa" or config.modules_to_save for config in configs
    )
