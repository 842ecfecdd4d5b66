"""Asks an OpenAI-compatible endpoint once, and says what a failure means."""

from __future__ import annotations

import asyncio
import json
import os
import warnings
from typing import Any

from belle_core.errors import BelleError
from belle_core.generation.calls.answers import reply_of
from belle_core.generation.calls.config import EndpointConfig
from belle_core.generation.calls.failures import meaning, refused_field, retry_after, words_of
from belle_core.generation.calls.request import Failed, Reply, Request, body_of
from belle_core.generation.calls.streamed import joined
from belle_core.language import say
from belle_core.notices import tell

KNOWN = ("model", "messages", "prompt", "temperature", "top_p", "max_tokens", "seed", "stop", "response_format")
"""Fields that the client names itself; others travel as they are."""
UNBILLED = ("ConnectError", "ConnectTimeout", "PoolTimeout")
"""Causes by which a connection failed before anything was sent."""
INSTEAD = {"max_tokens": "max_completion_tokens", "response_format": ""}
"""What a field that is refused is sent as, where nothing is lost by it: answers in JSON are read either way."""
CONNECTING = 20.0  # seconds


class Endpoint:
    """One attempt per call; retries, budget and pace are the caller's. ``where`` is how messages call it."""

    def __init__(self, config: EndpointConfig, *, where: str) -> None:
        check_package()
        from openai import AsyncOpenAI, Timeout

        self.config, self.where = config, where
        key = api_key(config)
        self._secret = key if config.key_name else ""
        timeout = Timeout(config.timeout, connect=min(config.timeout, CONNECTING))
        warnings.filterwarnings("ignore", "coroutine 'connect_tcp", RuntimeWarning)  # of a call that is broken off
        self._client = AsyncOpenAI(api_key=key, base_url=config.base_url, timeout=timeout, max_retries=0)
        self._instead: dict[str, str] = {}
        self._taken: set[str] = set()
        """Fields of requests that were answered, so they are known to be right."""

    async def answer(self, request: Request) -> Reply:
        """The reply; raises ``Failed``, ``Refused``, or ``BelleError`` for what no call can pass."""
        import openai

        while True:
            body = {self._instead.get(n, n): v for n, v in body_of(request, self.config).items()}
            body.pop("", None)
            try:
                answer = await self._post(body)
            except openai.APIStatusError as error:
                if not self._learns(error, body):
                    raise self._meaning(error) from error
                continue
            if answer.get("error") and not answer.get("choices"):
                raise self._told(answer["error"])
            reply = reply_of(answer, request, self.config)
            self._taken |= {_as_known(name, value) for name, value in body.items()}
            return reply

    async def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON of the answer; raises openai's ``APIStatusError``, or ``Failed``."""
        import openai

        api = self._client.chat.completions if self.config.mode == "chat" else self._client.completions
        more = {name: body[name] for name in body if name not in KNOWN}
        known = {name: body[name] for name in body if name in KNOWN}
        seconds, option = f"{self.config.timeout:g}", f"{self.where}.timeout"
        late = Failed(
            say(f"no answer within {seconds} s ({option})", f"{seconds} 秒内没有回答（{option}）"), billed=True
        )
        try:
            async with asyncio.timeout(self.config.timeout):  # the client's own begins anew with every byte
                response = await api.with_raw_response.create(**known, extra_body=more or None)
        except TimeoutError as error:
            raise late from error
        except openai.APITimeoutError as error:
            raise (late if _sent(error) else Failed(say("no connection in time", "连接超时"), billed=False)) from error
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            words = words_of(str(cause) or type(cause).__name__, secret=self._secret)
            raise Failed(say(f"no connection ({words})", f"连接失败（{words}）"), billed=_sent(error)) from error
        return self._json(response.http_response)

    def _json(self, response: Any) -> dict[str, Any]:
        """The answer of a success; raises ``Failed`` when there is none in it, ``BelleError`` for the page of a site."""
        try:
            answer = json.loads(response.content)
        except ValueError:
            answer = joined(response.text)
        if isinstance(answer, dict):
            return answer
        words = words_of(response.text, secret=self._secret)
        if response.text.lstrip().startswith("<") and not self._taken:
            where, shown = self.config.base_url, repr(words[:80])
            raise BelleError(
                f"{where} answers with a page for people ({shown}); look at the address (it mostly ends in /v1)",
                f"{where} 返回的是网页（{shown}）；请检查地址（通常以 /v1 结尾）",
            )
        shown = repr(words[:80])
        raise Failed(say(f"malformed answer: {shown} instead of JSON", f"回答不是 JSON：{shown}"), billed=True)

    def _learns(self, error: Any, body: dict[str, Any]) -> bool:
        """Whether the call can be made without the field that is refused; raises ``BelleError`` when the user has to say so."""
        words = words_of(error.body, secret=self._secret)
        new = {name: value for name, value in body.items() if _as_known(name, value) not in self._taken}
        field = refused_field(error.status_code, error.body, words, new)
        instead = INSTEAD.get(field)
        if not field or (instead and instead not in words):
            return False
        if instead is None:
            raise BelleError(
                f"{self.config.base_url} refuses the field {field!r} ({error.status_code}: {words}); leave it out: "
                f"{self.where}.parameters.{field}=null, with a + before it",
                f"{self.config.base_url} 不接受字段 {field!r}（{error.status_code}：{words}）；请去掉它："
                f"{self.where}.parameters.{field}=null（前面加 +）",
            )
        if field not in self._instead:
            self._instead[field] = instead
            tell(
                f"{self.config.base_url}: the field {field} is refused; {f'{instead} is sent' if instead else 'it is left out'}",
                f"{self.config.base_url}：不接受字段 {field}；{f'改发 {instead}' if instead else '已省略'}",
            )
        return True

    def _meaning(self, error: Any) -> Exception:
        """What a status that is no success stands for."""
        words = words_of(error.body or error.message, secret=self._secret)
        if error.response.history:
            words += f" (redirected to {str(error.response.url).partition('?')[0]})"
        return meaning(
            error.status_code, error.body, self.config, words=words, wait=retry_after(error.response.headers)
        )

    def _told(self, error: Any) -> Exception:
        """What an error in the body of a success stands for."""
        code = str(error.get("code", "")) if isinstance(error, dict) else ""
        words = words_of(error, secret=self._secret)
        if not code.isdecimal() or not 400 <= int(code) < 600:
            return Failed(say(f"error instead of an answer: {words}", f"返回的是错误：{words}"), billed=True)
        return meaning(int(code), error, self.config, words=words)

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
    """The key; raises ``BelleError`` when its environment variable holds none."""
    if not config.key_name:
        return "none"  # the client wants a word, local servers ignore it
    key = os.environ.get(config.key_name, "").strip()
    if not key:
        raise BelleError(
            f"the environment variable {config.key_name} is empty; it must hold the key for {config.base_url} "
            "(another name: api_key_env; another endpoint: base_url)",
            f"环境变量 {config.key_name} 为空；它应保存 {config.base_url} 的密钥（换名字用 api_key_env，换接口用 base_url）",
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise BelleError(
            f"the environment variable {config.key_name} holds no key: there are characters in it that no key has",
            f"环境变量 {config.key_name} 中不是密钥：含有密钥不会有的字符",
        )
    return key


def _as_known(name: str, value: Any) -> str:
    """What an answer shows to be right: a field, of how answers are drawn with its value (some models take 1 alone)."""
    return f"{name}={value}" if name in ("temperature", "top_p") else name


def _sent(error: Any) -> bool:
    """Whether the question may have reached the endpoint."""
    return type(error.__cause__).__name__ not in UNBILLED
