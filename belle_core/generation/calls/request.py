"""What is asked and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from belle_core.conversation import Conversation
from belle_core.generation.calls.config import EndpointConfig
from belle_core.generation.resuming import digest

STOP, LENGTH, FILTERED = "stop", "length", "content_filter"


@dataclass(frozen=True)
class Request:
    """A question to a model; two with the same fields are one question and have one answer."""

    conversation: Conversation
    """Ends with the user."""
    seed: int = 0
    """Makes questions with the same words different ones, and is sent along."""
    temperature: float | None = None
    """``None``: the endpoint's."""
    max_tokens: int | None = None
    """``None``: the endpoint's."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer."""
    schema: dict[str, Any] | None = None
    """JSON schema of the answer, enforced as far as ``endpoint.structured`` allows."""

    @classmethod
    def of(cls, text: str, **more: Any) -> Request:
        """A single user message."""
        return cls(Conversation.of(text), **more)


@dataclass(frozen=True)
class Reply:
    """What a model answered."""

    text: str
    ended: str
    """``stop``: the model ended it; ``length``: it was cut; ``content_filter``: it was withheld, and is billed all the same."""
    prompt_tokens: int
    completion_tokens: int
    model: str = ""
    """What the endpoint says has answered."""


class Refused(Exception):
    """The endpoint will never answer this question (too long, filtered, malformed); others it may."""


class Failed(Exception):
    """No answer this time. ``billed``: it may have cost something; ``wait``: seconds that the endpoint asks for."""

    def __init__(self, why: str, *, billed: bool, wait: float | None = None) -> None:
        super().__init__(why)
        self.billed, self.wait = billed, wait


def body_of(request: Request, config: EndpointConfig) -> dict[str, Any]:
    """The request as the endpoint gets it, without what only the transport needs."""
    body: dict[str, Any] = {
        "model": config.model,
        "temperature": config.temperature if request.temperature is None else request.temperature,
        "top_p": config.top_p,
        "max_tokens": longest(request, config),
        "seed": request.seed,
    }
    if config.mode == "chat":
        body["messages"] = request.conversation.messages()
    else:
        body["prompt"] = continued(request.conversation)
    if stops := stops_of(request, config):
        body["stop"] = stops
    if request.schema is not None and config.structured == "json_object":
        body["response_format"] = {"type": "json_object"}
    if request.schema is not None and config.structured == "json_schema":
        schema = {"name": "answer", "strict": True, "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {name: value for name, value in (body | config.parameters).items() if value is not None}


def key_of(request: Request, config: EndpointConfig) -> str:
    """What a question and its answerer are known by in the journal."""
    return digest([config.here and config.answers_with, config.mode, request.seed, body_of(request, config)])


def longest(request: Request, config: EndpointConfig) -> int:
    """Most tokens that the answer may have."""
    return int(config.parameters.get("max_completion_tokens") or request.max_tokens or config.max_tokens)


def stops_of(request: Request, config: EndpointConfig) -> list[str]:
    """Texts that end the answer; a completion model would go on with the user's next words."""
    dialogue = config.mode == "completion" and len(request.conversation.turns) > 1
    return [*request.stop, *(["\nHuman:"] if dialogue else [])]


def continued(conversation: Conversation) -> str:
    """The text that a completion model goes on with: a single question as it is, a dialogue in BELLE's format."""
    if len(conversation.turns) == 1:
        return "\n\n".join(part for part in (conversation.system, conversation.turns[0].text) if part)
    names = {"user": "Human", "assistant": "Assistant"}
    turns = "".join(f"{names[turn.role]}: \n{turn.text}\n\n" for turn in conversation.turns)
    return (f"{conversation.system}\n\n" if conversation.system else "") + turns + "Assistant: \n"


def most_prompt_tokens(request: Request) -> int:
    """A bound that holds for every tokenizer that falls back to bytes: a token is at least one byte of UTF-8."""
    messages = request.conversation.messages()
    return 32 + sum(16 + len(message["content"].encode("utf-8", "replace")) for message in messages)
