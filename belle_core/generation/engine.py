"""What every way of running a model can do: answer many conversations, or one piece by piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from belle_core.conversation import Conversation
from belle_core.encoding import Encoder
from belle_core.generation.text import TextStream, text_of

Report = Callable[[list[int], "list[Answer]"], None]


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """What a model said, and how it ended."""

    text: str
    tokens: int
    """Tokens of the answer, without the one that ends it."""
    ended: str
    """``stop``: the model ended it; ``length``: it was cut; ``no_room``: the question fills the whole context."""


class Engine(ABC):
    """A model that answers. Prompts are encoded as in training, by one :class:`Encoder`."""

    def __init__(self, encoder: Encoder, *, context_length: int | None, stop_ids: Sequence[int]) -> None:
        self.encoder = encoder
        self.context_length = context_length
        """Most tokens of prompt and answer together; ``None``: no limit is known."""
        self.stop_ids = sorted(set(stop_ids))

    @abstractmethod
    def _generate(
        self,
        prompts: list[list[int]],
        sampling: Sampling,
        batch: int,
        report: Callable[[list[int], list[list[int]]], None],
    ) -> None:
        """Generate for all prompts; hand indices and answers' ids to *report* as they are ready."""

    @abstractmethod
    def _stream(self, prompt: list[int], sampling: Sampling) -> Iterator[int]:
        """The answer's ids, each as soon as it is known."""

    def complete(
        self, prompts: Sequence[list[int]], sampling: Sampling, *, batch: int = 32, on_batch: Report | None = None
    ) -> list[Answer]:
        """Answers to encoded prompts, in their order; ``on_batch(indices, answers)`` tells of them as they are ready."""
        answers: dict[int, Answer] = {}

        def report(indices: list[int], outputs: list[list[int]]) -> None:
            new = [self._answer(prompts[i], ids, sampling) for i, ids in zip(indices, outputs, strict=True)]
            answers.update(zip(indices, new, strict=True))
            if on_batch is not None:
                on_batch(indices, new)

        self._generate(list(prompts), sampling, batch, report)
        return [answers[index] for index in range(len(prompts))]

    def answer(
        self, conversations: Sequence[Conversation], sampling: Sampling | None = None, *, batch: int = 32
    ) -> list[str]:
        """The texts of the answers to *conversations*, each of which ends with the user."""
        prompts = [self.encoder.prompt(conversation) for conversation in conversations]
        return [answer.text for answer in self.complete(prompts, sampling or Sampling(), batch=batch)]

    def stream(self, conversation: Conversation, sampling: Sampling | None = None) -> Iterator[str]:
        """Pieces of the answer as they come; never half a character."""
        text = TextStream(self.encoder.decode)
        for token in self._stream(self.encoder.prompt(conversation), sampling or Sampling()):
            if piece := text.push(token):
                yield piece
        if piece := text.finish():
            yield piece

    def room(self, prompt_length: int, max_new_tokens: int) -> int:
        """Tokens that an answer may have after a prompt of that length."""
        limit = max_new_tokens if self.context_length is None else self.context_length - prompt_length
        return max(0, min(max_new_tokens, limit))

    def close(self) -> None:  # noqa: B027 (most have nothing to let go of)
        """Let go of what the model holds."""

    def _answer(self, prompt: list[int], ids: list[int], sampling: Sampling) -> Answer:
        room = self.room(len(prompt), sampling.max_new_tokens)
        ended = "no_room" if room == 0 else "length" if len(ids) >= room else "stop"
        return Answer(text_of(ids, self.encoder.decode), len(ids), ended)
