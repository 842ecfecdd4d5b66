"""Options that say who answers: an OpenAI-compatible endpoint, or a model on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from belle_core.config import at_least, one_of, option
from belle_core.errors import Invalid

OPENAI = "https://api.openai.com/v1"


@dataclass
class EndpointConfig:
    """Who answers, how answers are drawn, how fast, and what they may cost at most."""

    model: str = ""
    """Name of the model at the endpoint. It, not the address, is part of what identifies the result."""
    base_url: str = option(OPENAI, identity=False)
    """Address of any OpenAI-compatible endpoint, e.g. ``http://localhost:8000/v1`` (vLLM) or llama.cpp's server."""
    api_key_env: str = option("", identity=False)
    """NAME of the environment variable that holds the key; empty: ``OPENAI_API_KEY`` for OpenAI, none elsewhere."""
    local: str | None = option(None, file=True)
    """A model on this machine instead: a checkpoint directory or a GGUF file."""
    artifact: str | None = option(None, artifact=True)
    """The result of an earlier run instead: a run, ``run/step`` or a fingerprint."""
    template: str = ""
    """Chat template of a local model by name; empty: the one that travels with it."""
    mode: str = "chat"
    """``chat``, or ``completion`` for models that continue a text."""
    structured: str = "none"
    """How answers in JSON are enforced: ``json_schema``, ``json_object``, or ``none`` where it is not offered."""
    temperature: float = 1.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    """Sample from the smallest set of tokens with this probability together."""
    max_tokens: int = 2048
    """Longest answer, in tokens."""
    parameters: dict[str, Any] = option({})
    """Further fields of the request's body; ``null`` leaves out one that the endpoint does not know, e.g. ``seed``."""
    concurrency: int = option(8, identity=False)
    """Calls at a time."""
    requests_per_minute: float = option(0.0, identity=False)
    """Most calls begun per minute; 0: no limit."""
    tokens_per_minute: float = option(0.0, identity=False)
    """Most tokens per minute, question and longest answer together; 0: no limit."""
    timeout: float = option(120.0, identity=False)
    """Seconds to wait for an answer."""
    retries: int = option(6, identity=False)
    """Further attempts after an error that may pass (busy, broken connection, time-out)."""
    backoff: float = option(1.0, identity=False)
    """Seconds before the second attempt; doubled each time up to a minute. ``Retry-After`` of the endpoint comes first."""
    price_input: float = option(0.0, identity=False)
    """Price of a million tokens of questions, in ``currency``."""
    price_output: float = option(0.0, identity=False)
    """Price of a million tokens of answers, in ``currency``."""
    currency: str = option("USD", identity=False)
    """What the prices are in."""
    budget_cost: float | None = option(None, identity=False)
    """Most money to spend, in ``currency``; no call is begun that could exceed it."""
    budget_tokens: int | None = option(None, identity=False)
    """Most tokens, questions and answers together."""
    budget_calls: int | None = option(None, identity=False)
    """Most calls."""
    journal: str = option("", identity=False)
    """File that keeps every answer for later runs too; empty: one that is removed when the step is done."""

    def __post_init__(self) -> None:
        at_least(self, temperature=0, top_p=0, max_tokens=1, concurrency=1, requests_per_minute=0, tokens_per_minute=0)
        at_least(self, retries=0, backoff=0, price_input=0, price_output=0)
        at_least(self, budget_cost=0, budget_tokens=1, budget_calls=1)
        one_of(self, "mode", ("chat", "completion"))
        one_of(self, "structured", ("none", "json_object", "json_schema"))
        if self.timeout <= 0:
            raise Invalid("timeout", f"must be above 0, got {self.timeout}", f"必须大于 0，现在是 {self.timeout}")
        if self.api_key_env and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.api_key_env):
            raise Invalid(  # what was typed may be the key itself, so it is not repeated
                "api_key_env",
                "is the name of an environment variable (letters, digits, _), never the key itself",
                "是环境变量的名字（字母、数字、下划线），不能写密钥本身",
            )
        if not re.match(r"https?://", self.base_url):
            raise Invalid(
                "base_url",
                f"must begin with http:// or https://, got {self.base_url}",
                f"应以 http:// 或 https:// 开头，现在是 {self.base_url}",
            )
        if "@" in self.base_url.partition("://")[2].partition("/")[0]:
            raise Invalid("base_url", "must not hold a password; use api_key_env", "不能包含密码；请用 api_key_env")
        if "?" in self.base_url or "#" in self.base_url:  # it may be a key, so it is not repeated
            raise Invalid(
                "base_url",
                "must end before ? and #; a key goes into api_key_env",
                "不能含有 ? 或 #；密钥请用 api_key_env",
            )
        if self.budget_cost is not None and not (self.price_input or self.price_output):
            raise Invalid(
                "budget_cost", "needs price_input and price_output", "需要同时给出 price_input 和 price_output"
            )
        if self.local and self.artifact:
            raise Invalid(
                "artifact", "cannot go with local; one model answers", "不能与 local 同时使用，只能有一个模型"
            )
        if self.here and self.journal:
            raise Invalid("journal", "is for endpoints, not for a local model", "只用于接口，不用于本地模型")

    @property
    def key_name(self) -> str:
        """The environment variable with the key; empty where none is sent. A key never goes to another address."""
        return self.api_key_env or ("OPENAI_API_KEY" if self.base_url.rstrip("/") == OPENAI else "")

    @property
    def here(self) -> str:
        """What answers on this machine; empty for an endpoint."""
        return str(self.local or self.artifact or "")

    @property
    def answers_with(self) -> str:
        """The model's name for records."""
        return self.model or (
            str(self.local).replace("\\", "/").rstrip("/").rpartition("/")[2] if self.local else self.here
        )
