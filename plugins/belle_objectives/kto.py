"""KTO: answers that are each good or bad, judged against how far the model has moved from its start altogether."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from belle_core.conversation import Example
from belle_core.encoding import Encoded, Encoder
from belle_core.errors import BelleError
from belle_core.training.examples import EncodedExamples
from belle_core.training.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from belle_core.training.batches import Batch, Step
    from belle_core.training.start import Start

GOOD, BAD = 1.0, -1.0


class Kto(Objective):
    """``w (1 - sigmoid(+-beta (r - z)))``, plus for good answers, minus for bad ones, with
    ``r = log p(y|x) - log p_start(y|x)`` (arXiv 2402.01306, equation 8).

    ``z`` is the mean of ``r`` over questions with the answers of other questions, at least 0 and without gradient: an
    estimate of how far the model is from its start. It is taken over a whole optimizer step.
    """

    logits = "scores"
    reference = True
    vanishes = True  # where all answers are far better or worse than at the start, or count nothing

    def expand(self, example: Example, encoder: Encoder) -> Iterator[Example]:
        """An example per answer: the conversation's own, if it has one, is good, the rejected ones are bad."""
        assert example.conversation is not None
        if example.conversation.answer:
            yield replace(example, rejected=())
        for answer in example.rejected:
            yield replace(example, conversation=example.conversation.prompt(), rejected=(answer,))

    def encode(self, example: Example, encoder: Encoder) -> Sequence[Encoded]:
        """The answer, marked as good or bad."""
        assert example.conversation is not None
        answer, mark = (example.rejected[0], BAD) if example.rejected else (example.conversation.answer, GOOD)
        encoded = encoder.encode(example.conversation.answered(answer))
        encoded.mark = mark
        return (encoded,)

    def amount(self, learned: Sequence[float]) -> float:
        """Every answer counts once."""
        return 1.0

    def begin(self, model: Any, start: Start) -> None:
        """Adds the mismatched answers; raises ``BelleError`` when all answers are good or all are bad."""
        if len(marks := set(start.train.marks)) == 1:
            which, word = ("good", "好") if marks == {GOOD} else ("bad", "坏")
            raise BelleError(
                f"train/objective=kto needs good and bad answers, and all {len(start.train)} are {which}; for good ones alone say train/objective=sft",
                f"train/objective=kto 需要好的和坏的回答，而全部 {len(start.train)} 条都是{word}的；只有好回答时请用 train/objective=sft",
            )
        for data in (start.train, start.dev):
            if data is not None:
                data.beside = mismatched(data)

    def ready(self, model: Any, step: Step) -> Step:
        """Takes ``z`` over the whole step."""
        import torch

        from belle_core.training.losses import sequence_scores

        with torch.no_grad():
            moved = [
                weight * (sequence_scores(model, b.beside)[0] - b.beside.reference).sum()
                for b, weight in step.weighted
                if b.beside is not None
            ]
            count = sum(weight * b.beside.sequences for b, weight in step.weighted if b.beside is not None)
        total, number = self.total(torch.stack([torch.stack(moved).sum(), torch.as_tensor(count).to(moved[0])]))
        self.moved = (total / number).clamp(min=0)
        return step

    def loss(self, model: Any, batch: Batch) -> Tensor:
        """Sum over the answers."""
        import torch

        from belle_core.training.losses import sequence_scores

        scores, _ = sequence_scores(model, batch)
        rewards = self.config.beta * (scores - batch.reference)
        good = batch.marks > 0
        value = torch.sigmoid(batch.marks * (rewards - self.config.beta * self.moved))
        weight = torch.where(good, self.config.desirable, self.config.undesirable)
        signed = batch.marks * rewards
        self.report(accuracy=(signed > 0).float().sum(), reward=signed.sum(), kl=self.moved * len(rewards))
        return (weight * (1 - value)).sum()


def mismatched(data: EncodedExamples) -> EncodedExamples:
    """Every question with the answer of the next example that asks another one."""
    longest, first = data.lengths.max(), [_label(data, e) for e in range(len(data))]
    other = EncodedExamples()
    for e in range(len(data)):
        question = data.ids[data.ends[e] : first[e]]
        following = ((e + step) % len(data) for step in range(1, len(data)))
        answer = next((f for f in following if data.ids[data.ends[f] : first[f]] != question), e)
        ids = [*question, *data.ids[first[answer] : data.ends[answer + 1]]][:longest]
        other.add([Encoded(ids, [0.0] * len(question) + [1.0] * (len(ids) - len(question)))], 1.0)
    return other


def _label(data: EncodedExamples, example: int) -> int:
    """Where the answer of *example* begins in ``data.ids``."""
    begin, end = data.ends[example], data.ends[example + 1]
    return next(place for place in range(begin, end) if data.weights[place] > 0)
