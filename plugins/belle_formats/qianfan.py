"""Baidu Qianfan's conversations: lists of exchanges, whose answers stand in lists, or are known to be better or worse."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, list_field, system_field, text_field
from belle_formats.preference import FORMAT as PREFERENCE
from belle_formats.turns import Message, examples_of
from belle_formats.unpaired import judged

KEY = "conversation"
ANSWERS = {"user": "assistant", "prompt": "response"}
"""What answers a question under the one name or the other."""
VERDICTS = ("chosen", "rejected")
"""Names of a last answer that was compared with another, or judged alone."""


class QianfanFormat:
    """``prompt`` with ``response: [[answer]]``, or ``user`` with ``assistant``, or at the end with ``chosen``, ``rejected`` or both."""

    refines = ("firefly", "preference")

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there are exchanges with answers in lists or verdicts."""
        exchanges = _exchanges(record)
        first, last = (exchanges[0], exchanges[-1]) if isinstance(exchanges, list) and exchanges else ({}, {})
        if not (isinstance(first, dict) and isinstance(last, dict)):
            return False
        listed = isinstance(first.get("prompt"), str) and isinstance(first.get("response"), list)
        return listed or ("user" in last and not last.keys().isdisjoint(VERDICTS))

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        exchanges = list_field({KEY: _exchanges(record)}, KEY)
        messages, verdicts = list[Message](), dict[str, str]()
        for number, exchange in enumerate(exchanges, 1):
            if not isinstance(exchange, dict):
                raise Unreadable(f"wrong_type:{KEY}", f"{type(exchange).__name__} where a pair should be")
            asks = "user" if "user" in exchange else "prompt"
            messages += [
                Message("system", system_field(exchange)),
                Message("user", text_field(exchange, asks)),
            ]
            if number == len(exchanges):
                verdicts = {name: text_field(exchange, name) for name in VERDICTS if name in exchange}
            if not verdicts:
                messages.append(Message("assistant", _said(exchange, ANSWERS[asks])))
        rest = {key: value for key, value in record.items() if key not in (KEY, "prompt", "response", *SYSTEM)}
        if len(verdicts) == len(VERDICTS):
            said = [{"role": message.role, "content": message.text} for message in messages]
            return PREFERENCE.examples({**rest, "messages": said, **verdicts}, place)
        messages += [Message("assistant", text) for text in verdicts.values()]
        found = examples_of(messages, rest, place, used=("id",))
        return judged(found, good="chosen" in verdicts) if verdicts else found


def _exchanges(record: dict[str, Any]) -> Any:
    """Those of a record, which may be the only one itself."""
    return record.get(KEY) if KEY in record or "_group" in record else [record]  # the SDK's rows are parts of a group


def _said(exchange: dict[str, Any], key: str) -> str:
    """The only answer, which stands in a list within a list; empty without one."""
    value = exchange.get(key)
    while isinstance(value, list):
        if len(value) > 1:
            raise Unreadable(f"wrong_type:{key}", f"{len(value)} answers where one should be")
        value = value[0] if value else ""
    return text_field({**exchange, key: value} if key in exchange else exchange, key)


FORMAT = QianfanFormat()
