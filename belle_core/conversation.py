"""The one shape of data between reading and training: a conversation, and the example around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Turn(NamedTuple):
    """One message. ``weight`` scales its loss: 1 learns an answer fully, 0 only reads it; users' turns are never learned."""

    role: str  # "user" or "assistant"
    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class Conversation:
    """An optional system text and turns that begin with the user and alternate."""

    turns: tuple[Turn, ...]
    system: str = ""

    @classmethod
    def of(cls, question: str, answer: str | None = None, *, system: str = "") -> Conversation:
        """A single question, with its answer if there is one."""
        turns = [Turn("user", question)] + ([] if answer is None else [Turn("assistant", answer)])
        return cls(tuple(turns), system)

    @classmethod
    def of_messages(cls, messages: list[dict[str, str]], weights: Sequence[float] | None = None) -> Conversation:
        """From the ``{"role", "content"}`` list that other tools use; *weights* are those of all turns."""
        turns = [Turn(message["role"], message["content"]) for message in messages if message["role"] != "system"]
        system = ""
        if len(turns) < len(messages):
            system = "\n".join(message["content"] for message in messages if message["role"] == "system")
        if weights is not None:
            turns = [turn._replace(weight=weight) for turn, weight in zip(turns, weights, strict=True)]
        return cls(tuple(turns), system)

    def messages(self) -> list[dict[str, str]]:
        """As the ``{"role", "content"}`` list that other tools use."""
        head = [{"role": "system", "content": self.system}] if self.system else []
        return head + [{"role": turn.role, "content": turn.text} for turn in self.turns]

    def prompt(self) -> Conversation:
        """Everything before the last answer: what a model is asked."""
        return Conversation(self.asked, self.system)

    def answered(self, text: str) -> Conversation:
        """The same with *text* as its last answer, which alone is learned."""
        before = (turn._replace(weight=0.0) for turn in self.prompt().turns)
        return Conversation((*before, Turn("assistant", text)), self.system)

    @property
    def asked(self) -> tuple[Turn, ...]:
        """All turns before the last answer."""
        return self.turns[:-1] if self.turns and self.turns[-1].role == "assistant" else self.turns

    @property
    def answer(self) -> str:
        """The last turn's text if the assistant speaks last, else an empty string."""
        return self.turns[-1].text if self.turns and self.turns[-1].role == "assistant" else ""

    @property
    def question(self) -> str:
        """The last thing the user says."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")


@dataclass(frozen=True)
class Example:
    """One record of a data set.

    ``conversation`` for instruction data; ``text`` for pretraining; ``rejected`` answers, best first, beside the
    conversation's own for preferences (without one of its own: answers that are known to be bad); ``category`` groups results; ``meta`` is whatever else the source says (kept, never trained on).
    """

    id: str
    conversation: Conversation | None = None
    text: str | None = None
    rejected: tuple[str, ...] = ()
    category: str = ""
    source: str = ""
    meta: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; empty fields are left out."""
        record: dict[str, Any] = {"id": self.id}
        if self.conversation is not None:
            record["messages"] = self.conversation.messages()
            weights = [turn.weight for turn in self.conversation.turns]
            if weights.count(1.0) < len(weights):
                record["weights"] = weights
        for name in ("text", "rejected", "category", "source", "meta"):
            if value := getattr(self, name):
                record[name] = list(value) if name == "rejected" else value
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Example:
        """The inverse of :meth:`to_json`."""
        messages, get = record.get("messages"), record.get
        made = cls.__new__(cls)
        fields = {
            "id": record["id"],
            "conversation": None if messages is None else Conversation.of_messages(messages, get("weights")),
            "text": get("text"),
            "rejected": tuple(get("rejected", ())),
            "category": get("category", ""),
            "source": get("source", ""),
            "meta": get("meta") or {},
        }
        # __init__ of a frozen class sets one by one, which takes twice as long
        object.__setattr__(made, "__dict__", fields)
        return made
