"""What GRPO and PPO share: the model answers, the answers are judged, and then it learns from them."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from belle_core.conversation import Example
from belle_core.encoding import Encoded, Encoder
from belle_core.training.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch, Step
    from belle_core.training.start import Start
    from belle_rl.rollout import Asked, Rollout


class Policy(Objective):
    """An optimizer step gives questions; the model answers each ``group`` times before it learns from all of that.

    What is drawn for an answer follows from the step and the question, so a resumed run gives the same answers, and so do
    several processes, each of which asks its share of the questions.
    """

    vanishes = True  # where all answers are equally good there is nothing to learn

    @property
    def updates(self) -> int:
        """Optimizer updates with the same answers."""
        return int(self.config.updates)

    @property
    def keeps_start(self) -> bool:
        """Only the divergence from it needs it."""
        return bool(self.config.beta > 0)

    @property
    def answers(self) -> int:
        """To each question."""
        return int(self.config.group)

    @property
    def asks_judge(self) -> bool:
        """As far as the options tell: a reward model may also come from a step before."""
        return self.config.reward_model is not None

    def encode(self, example: Example, encoder: Encoder) -> Sequence[Encoded]:
        """The question, with the reference answer (or nothing but an end) as labels, which are not learned but compared."""
        assert example.conversation is not None
        if example.conversation.answer:
            return (encoder.encode(example.conversation.answered(example.conversation.answer)),)
        prompt = encoder.prompt(example.conversation)
        return (Encoded([*prompt, encoder.stop_ids[0]], [0.0] * len(prompt) + [1.0]),)

    def amount(self, learned: Sequence[float]) -> float:
        """Every question counts once."""
        return 1.0

    def begin(self, model: Any, start: Start) -> None:
        """Gets the judge, and a reference where the divergence from it counts."""
        from belle_rl.judge import Judge

        self.loaded, self.passes, self.judge, self.model = start.loaded, start.passes, Judge(self.config, start), model
        if self.config.beta > 0 and not can_do_without(model):
            self.frozen_model = copy.deepcopy(model).eval().requires_grad_(False)

    def ready(self, model: Any, step: Step) -> Step:
        """Answers to this process's questions, judged; those to dev questions are the likeliest ones."""
        from belle_rl.rollout import questions, rollout

        counted = [batch for batch, weight in step.weighted if weight]
        batches = counted or step.batches[:1]  # who has no question goes along with another's
        asked = [one for batch in batches for one in questions(batch)]
        device = batches[0].ids.device
        if self.model.training:  # what is called may be a wrapper, with a mode of its own
            asked = [replace(one, number=k) for one in asked for k in range(self.config.group)]
            answers = self.written(asked, device, temperature=self.config.temperature)
            return self.learned(model, step, (asked, answers), self.judge(asked, answers, device), idle=not counted)
        rewards = self.judge(asked, self.written(asked, device, temperature=0.0), device)
        return replace(step, batches=[rollout(batches[0], reward=rewards)], fillers=int(not counted))

    def learned(self, model: Any, step: Step, told: Any, rewards: Tensor, *, idle: bool) -> Step:
        """The step over the answers *told*; all processes make the same number of passes."""
        from belle_core.training.batches import Step
        from belle_rl.rollout import answered, rollout

        passes = answered(*told, self.passes)
        count = rewards.new_zeros(self.passes.ranks)
        count[self.passes.rank] = len(passes)
        most, own = int(self.total(count).max()), 0 if idle else len(passes)
        rollouts = []
        with as_it_is(self.model):
            for batch in passes + passes[:1] * (most - len(passes)):
                batch, reward = batch.to(rewards.device), rewards[list(batch.examples)]
                rollouts.append(rollout(batch, reward=reward, start=self.start_logps(model, batch)))
            return self.judged(model, Step(rollouts, step.amount * self.config.group, most - own), rewards)

    @abstractmethod
    def judged(self, model: Any, step: Step, rewards: Tensor) -> Step:
        """The step to learn from: the rollouts of *step*, whose amount is the number of all answers, with their advantages.
        *rewards* are those of this process's answers in the order in which they were given."""

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum over the answers; of dev questions, minus the reward."""
        if not self.model.training:
            self.report(reward=batch.reward.sum())
            return -batch.reward.sum()
        return self.learn(model, batch)

    @abstractmethod
    def learn(self, model: Any, batch: Rollout) -> Tensor:
        """Sum of the loss over *batch*, in the measure of the step's amount."""

    def written(self, asked: Sequence[Asked], device: Any, *, temperature: float) -> list[list[int]]:
        """Ids of the answers, with the token that ends them where they do."""
        import torch

        from belle_core.generation.local import generate, room_for_answer

        drawn = torch.randint(2**31, (1,)).to(device) * (self.passes.rank == 0)
        settings: dict[str, Any] = {
            "temperature": temperature,
            "seed": int(self.total(drawn)),  # the first process's
            "streams": [one.example * self.config.group + one.number for one in asked],
            "stop_ids": [stop := self.loaded.encoder.stop_ids[0]],
            "max_new_tokens": self.config.max_new_tokens,
            "context_length": (room := self.loaded.context_length),
        }
        with self.independent():
            found = generate(self.model, [one.prompt for one in asked], **settings)
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
        if self.frozen_model is not None:
            return self.logps(self.frozen_model.to(batch.ids.device), batch)[0]
        with self.model.disable_adapter():
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
    """Whether the model as it started is there when its adapter is switched off: one that began with an update is not."""
    configs = getattr(model, "peft_config", {}).values()
    return bool(configs) and not any(
        config.init_lora_weights in ("pissa", "loftq") or config.modules_to_save for config in configs
    )
