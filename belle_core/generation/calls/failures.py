"""What it means when an endpoint does not answer: nothing for long, not this question, or nothing at all."""

from __future__ import annotations

import json
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

from belle_core.errors import BelleError
from belle_core.generation.calls.config import EndpointConfig
from belle_core.generation.calls.request import Failed, Refused
from belle_core.terminal import printable

LATE = (408, 504, 524)
"""A gateway did not wait for the model, which may go on and be billed."""
USED_UP = re.compile(
    r"insufficient[_ ](?:quota|balance|credit|fund)|exceeded_current_quota|arrear|billing_|good standing|欠费|余额不足",
    re.IGNORECASE,
)
"""Names and words for an account without money (OpenAI, DeepSeek, Moonshot, Alibaba, Zhipu …)."""
FLAGGED = re.compile(r"flagged|moderation|content[_ ]?(?:filter|policy)", re.IGNORECASE)
NO_CHAT = re.compile(r"not a chat model|chat[_ ]template|v1/completions endpoint", re.IGNORECASE)
"""Words by which a model that continues texts refuses a dialogue (OpenAI, vLLM)."""
UNKNOWN = re.compile(
    r"unsupported|not support|unknown|extra|unrecogni[sz]ed|not permitted|not allowed|invalid|deprecated|only|不支持",
    re.IGNORECASE,
)
"""Words by which a field is refused, and not a question."""


def meaning(status: int, body: Any, config: EndpointConfig, *, words: str, wait: float | None = None) -> Exception:
    """What a status that is no success stands for; *words* are the endpoint's own."""
    where = config.base_url
    names = " ".join(str(body.get(name) or "") for name in ("code", "type")) if isinstance(body, dict) else ""
    if status == 402 or (status in (400, 403, 429) and USED_UP.search(f"{names} {words}")):
        return BelleError(
            f"the account at {where} is used up ({status}: {words}). Nothing is lost: top it up, repeat the command and it goes on",
            f"{where} 的账户余额不足（{status}：{words}）。已有结果都在：充值后重复同一命令即可继续",
        )
    if status == 401 or (status == 403 and not FLAGGED.search(f"{names} {words}")):
        name = config.key_name or "api_key_env"
        return BelleError(
            f"{where} refuses the key ({status}: {words}); look at the environment variable {name}",
            f"{where} 拒绝了密钥（{status}：{words}）；请检查环境变量 {name}",
        )
    if config.mode == "chat" and status in (400, 404) and NO_CHAT.search(words):
        return BelleError(
            f"{where} with model {config.model!r} takes no dialogues ({status}: {words}); ask it to continue texts: endpoint.mode=completion",
            f"{where} 的模型 {config.model!r} 不支持对话（{status}：{words}）；请用续写方式：endpoint.mode=completion",
        )
    if status in (404, 405) or "model_not_found" in names:
        return BelleError(
            f"{where} with model {config.model!r} answers {status}: {words}; look at the name and the address (it mostly ends in /v1)",
            f"{where} 对模型 {config.model!r} 返回 {status}：{words}；请检查模型名和地址（通常以 /v1 结尾）",
        )
    if status in (408, 409, 425, 429) or status >= 500:
        return Failed(f"{status}: {words}", billed=status in LATE, wait=wait)
    return Refused(f"{status}: {words}")


def refused_field(status: int, body: Any, words: str, sent: dict[str, Any]) -> str:
    """The field of the request *sent* that the endpoint does not take; empty when it is about something else."""
    if status not in (400, 422) or not UNKNOWN.search(words):
        return ""
    fields = [name for name in sent if name not in ("model", "messages", "prompt")]
    named = body.get("param") if isinstance(body, dict) else None
    if named in fields:
        return str(named)
    quoted = {name: re.search(rf"(?<![\w.])[\"'`]?{name}[\"'`]?(?!\w)", words) for name in fields}
    places = {name: found.start() for name, found in quoted.items() if found and (name != "stop" or found[0] != name)}
    return min(places, key=places.__getitem__, default="")


def words_of(body: Any, *, secret: str) -> str:
    """An endpoint's own words, on one short line: without what steers a terminal, HTML's tags, and the key."""
    text = _message(body)
    if re.match(r"\s*<", text):  # a page of something in between
        text = re.sub(r"(?is)<(script|style|head)\b(?!.*<title).*?</\1>|<style.*?</style>|<[^>]*>", " ", text)
    text = printable(" ".join(text.split()))
    return text.replace(secret, "***")[:300] if secret else text[:300]


def _message(body: Any) -> str:
    """The message in any of the shapes that endpoints give an error."""
    if isinstance(body, list) and body:  # Google
        body = body[0]
    if not isinstance(body, dict):
        return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    error = body.get("error", body)
    if not isinstance(error, dict):
        return str(error)
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None  # OpenRouter: the provider's words
    found = next((error[name] for name in ("message", "msg", "detail") if error.get(name)), error)
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return f"{text} {raw}" if raw else text


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
