"""PaddleNLP's and ERNIEKit's ``src`` and ``tgt``: what user and assistant say, and for preferences two answers under ``response``."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import SYSTEM, joined, list_field, system_field, text_field
from belle_formats.preference import FORMAT as PREFERENCE
from belle_formats.turns import Message, examples_of

USED = ("id", "src", "tgt", "context", "label", *SYSTEM)


class PaddleFormat:
    """Both are a text or a list of texts; a ``label`` of 0 says that an answer is read and not learned."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether questions and answers, or lists of them, stand side by side."""
        return all(isinstance(record.get(key), str) or _are_texts(record.get(key)) for key in ("src", "tgt"))

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        asked, said = _texts(record, "src"), _texts(record, "tgt")
        if len(asked) != len(said) + ("response" in record):
            numbers = f"src {len(asked)}, tgt {len(said)}"
            raise Unreadable("wrong_type:tgt", f"lists of 2 lengths, which belong together: {numbers}")
        messages = [Message("user", asked[0])] if asked else []
        for number, (answer, weight) in enumerate(zip(said, _weights(record, len(said)), strict=True), 1):
            messages.append(Message("assistant", answer, weight))
            messages += [Message("user", text) for text in asked[number : number + 1]]
        if "response" in record:
            return _compared(record, messages, place)
        context = record.get("context")
        given = system_field(context) if isinstance(context, dict) else ""  # PaddleNLP's
        return examples_of(messages, record, place, used=USED, system=joined(system_field(record), given))


def _compared(record: dict[str, Any], messages: list[Message], place: Place) -> list[Example | Refused]:
    """The answer with the larger ``sort`` is the better one."""
    answers, order = list_field(record, "response"), list_field(record, "sort")
    texts = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in answers]
    if not _are_texts(texts) or len(texts) != 2 or len(order) != 2 or not all(isinstance(n, int) for n in order):
        raise Unreadable("wrong_type:response", "should be two answers, which two numbers under sort rank")
    if order[0] == order[1]:
        raise Dropped("tie", f"sort: {order[0]}")
    better, worse = texts if order[0] > order[1] else reversed(texts)
    said = [{"role": message.role, "content": message.text} for message in messages]
    rest = {key: value for key, value in record.items() if key not in (*USED[1:5], "response", "sort")}
    return PREFERENCE.examples({**rest, "messages": said, "chosen": better, "rejected": worse}, place)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _texts(record: dict[str, Any], key: str) -> list[str]:
    if isinstance(record.get(key), list):
        if not _are_texts(record[key]):
            raise Unreadable(f"wrong_type:{key}", "should be a list of texts")
        return record[key]
    return [text_field(record, key)]


def _weights(record: dict[str, Any], number: int) -> list[float]:
    label = record.get("label")
    if not isinstance(label, list):
        return [1.0] * number
    if len(label) != number or not all(value in (0, 1) for value in label):
        raise Unreadable("wrong_type:label", f"{label!r} where one of 0 and 1 for every answer should be")
    return [float(value) for value in label]


FORMAT = PaddleFormat()
