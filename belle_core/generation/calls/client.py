"""Asks an OpenAI-compatible endpoint once, and says what a failure means."""

from __future__ import annotations

import os
import time
from email.utils import parsedate_to_datetime
from typing import Any

from belle_core.errors import BelleError
from belle_core.generation.calls.config import EndpointConfig
from belle_core.generation.calls.request import Failed, Refused, Reply, Request, body_of, most_prompt_tokens
from belle_core.generation.text import printable

KNOWN = ("model", "messages", "prompt", "temperature", "top_p", "max_tokens", "seed", "stop", "response_format")
"""Fields that the client names itself; others travel as they are."""
UNBILLED = ("ConnectError", "ConnectTimeout", "PoolTimeout")
"""Causes by which a connection failed before anything was sent."""


class Endpoint:
    """One attempt per call; retries, budget and pace are the caller's."""

    def __init__(self, config: EndpointConfig) -> None:
        check_package()
        from openai import AsyncOpenAI

        self.config = config
        self._client = AsyncOpenAI(
            api_key=api_key(config), base_url=config.base_url, timeout=config.timeout, max_retries=0
        )

    async def answer(self, request: Request) -> Reply:
        """The reply; raises ``Failed``, ``Refused``, or ``BelleError`` for what no call can pass."""
        import openai

        body = body_of(request, self.config)
        more = {name: body.pop(name) for name in list(body) if name not in KNOWN}
        create = self._client.chat.completions.create if self.config.mode == "chat" else self._client.completions.create
        try:
            answer = await create(**body, extra_body=more or None)
        except openai.APITimeoutError as error:
            raise Failed(f"no answer within {self.config.timeout:g} s", billed=_sent(error)) from error
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            raise Failed(f"no connection ({str(cause) or type(cause).__name__})", billed=_sent(error)) from error
        except openai.APIStatusError as error:
            raise self._meaning(error) from error
        except (openai.OpenAIError, ValueError) as error:  # not JSON, or not the JSON of an answer
            raise Failed(f"malformed answer: {type(error).__name__}", billed=True) from error
        return reply_of(answer, request)

    def _meaning(self, error: Any) -> Exception:
        """What a status that is no success stands for."""
        status, words = error.status_code, _words(error)
        where = self.config.base_url
        if status in (401, 403):
            name = self.config.key_name or "api_key_env"
            return BelleError(
                f"{where} refuses the key ({status}: {words}); look at the environment variable {name}",
                f"{where} 拒绝了密钥（{status}：{words}）；请检查环境变量 {name}",
            )
        if status == 404 or getattr(error, "code", None) in ("insufficient_quota", "model_not_found"):
            return BelleError(
                f"{where} with model {self.config.model!r} answers {status}: {words}",
                f"{where} 对模型 {self.config.model!r} 返回 {status}：{words}",
            )
        if status in (408, 409, 425, 429) or status >= 500:
            return Failed(f"{status}: {words}", billed=False, wait=retry_after(error.response.headers))
        return Refused(f"{status}: {words}")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()


def check_package() -> None:
    """Raise ``BelleError`` when the client is not installed."""
    from importlib.util import find_spec

    if find_spec("openai") is None:
        raise BelleError(
            'calls of an endpoint need the package openai: pip install "belle[api]"',
            '调用接口需要软件包 openai：pip install "belle[api]"',
        )


def api_key(config: EndpointConfig) -> str:
    """The key; raises ``BelleError`` when its environment variable is empty."""
    if not config.key_name:
        return "none"  # the client wants a word, local servers ignore it
    key = os.environ.get(config.key_name, "").strip()
    if not key:
        raise BelleError(
            f"the environment variable {config.key_name} is empty; it must hold the key for {config.base_url} "
            "(another name: api_key_env; another endpoint: base_url)",
            f"环境变量 {config.key_name} 为空；它应保存 {config.base_url} 的密钥（换名字用 api_key_env，换接口用 base_url）",
        )
    return key


def reply_of(answer: Any, request: Request) -> Reply:
    """The fields that matter, from what the client made of the body; raises ``Failed`` when it is no answer."""
    try:
        choice = answer.choices[0]
        message = getattr(choice, "message", None)
        text = choice.text if message is None else message.content
        ended = str(choice.finish_reason or "stop")
        usage = getattr(answer, "usage", None)
        prompt, completion = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
        model = str(getattr(answer, "model", "") or "")
    except (AttributeError, IndexError, TypeError) as error:
        raise Failed(f"malformed answer: {error}", billed=True) from error
    if ended == "content_filter" or (text is None and getattr(message, "refusal", None)):
        raise Refused(f"filtered: {getattr(message, 'refusal', None) or ended}")
    text = str(text or "")
    clean = text.encode("utf-8", "replace").decode()  # half of a surrogate pair cannot be written
    if not isinstance(prompt, int) or not isinstance(completion, int):  # not told: the most that it can be
        prompt, completion = most_prompt_tokens(request), len(clean.encode()) + 1
    return Reply(clean, ended, prompt, completion, model)


def retry_after(headers: Any) -> float | None:
    """Seconds that the endpoint asks to wait: ``retry-after-ms``, or ``Retry-After`` as seconds or as a date."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        if not (value := headers.get("retry-after")):
            return None
        try:
            return max(0.0, float(value))
        except ValueError:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _sent(error: Any) -> bool:
    """Whether the question may have reached the endpoint."""
    return type(error.__cause__).__name__ not in UNBILLED


def _words(error: Any) -> str:
    """The endpoint's own words, on one short line."""
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return printable(" ".join(str(message or error.message).split()))[:300]
