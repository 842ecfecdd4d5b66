"""From messages under any names to a conversation whose turns alternate; every message left out gets a reason."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from belle_core.conversation import Conversation, Example, Turn
from belle_core.data import Dropped, Place, Refused, Unreadable
from belle_core.data.fields import NOT_TEXT, about, thought_key, thoughtful, unread
from belle_core.data.personal import excerpt

ROLES = {
    **dict.fromkeys(("user", "human", "prompter", "用户"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bing", "bard", "bot", "model", "ai", "助手", "助理"), "assistant"),
    **dict.fromkeys(("system", "developer", "系统"), "system"),
}
"""Who speaks, under the names that data sets use."""
FIELDS = (
    ("role", "content"),
    ("from", "value"),
    ("role", "value"),
    ("from", "content"),
    ("role", "text"),
    ("speaker", "text"),
    ("role", "parts"),  # Gemini
)
"""Names of speaker and text in a message."""

CALLS = ("tool_calls", "function_call")
"""Where a message calls functions."""
TEXTS = (None, "text", "input_text", "output_text")
"""Types of parts of a message that are text."""
THOUGHTS = ("thinking", "reasoning")
"""Types of parts that led to an answer, and where these say what."""
LEARNED = ("loss", "train", "training")
"""Where ms-swift and axolotl say ``false`` of a message that is read and not learned."""
DETAIL = "train_detail"
"""Where axolotl says it of pieces of a message."""
BESIDE = NOT_TEXT | {DETAIL, *CALLS}
"""What cannot be read beside a text."""


class Message(NamedTuple):
    """One message with the role it has here."""

    role: str
    text: str
    weight: float = 1.0


def is_messages(value: Any) -> bool:
    """Whether *value* is a list of messages whose first one has a known role."""
    return isinstance(value, list) and bool(value) and is_message(value[0])


def is_message(value: Any) -> bool:
    """Whether *value* is a message of a known role, which need not say anything where it calls functions."""
    if not isinstance(value, dict):
        return False
    silent = str(value.get("role")).lower() in ROLES and not value.keys().isdisjoint(CALLS)
    return silent or any(
        str(value.get(role)).lower() in ROLES and isinstance(value.get(text), (str, list, type(None)))
        for role, text in FIELDS
        if role in value and text in value
    )


def messages_of(values: Iterable[Any]) -> list[Message]:
    """Messages as data sets write them; raises ``Unreadable`` for what is none and ``Dropped`` for roles such as ``tool``."""
    return [_message(value) for value in values]


def _message(value: Any) -> Message:
    fields = next((f for f in FIELDS if isinstance(value, dict) and f[0] in value and f[1] in value), None)
    if fields is None:
        _refuse_others(value if isinstance(value, dict) else {})  # OpenAI's calls have no content
        keys = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
        raise Unreadable("wrong_type:message", f"a message needs a role and a text; it has: {keys}")
    name = str(value[fields[0]])
    if (role := ROLES.get(name.lower())) is None:
        raise Dropped(f"role:{name[:20]}", excerpt(str(value[fields[1]]), around=100))
    message = Message(role, _text(value[fields[1]]))
    return message if len(value) == 2 else _annotated(message, value)


def _annotated(message: Message, value: dict[str, Any]) -> Message:
    """*message* with what stands beside its speaker and its text."""
    _refuse_others(value)
    read_only = any(value.get(key) == 0 for key in LEARNED)
    message = message._replace(weight=0.0 if read_only else _weight(value.get("weight", value.get("loss_weight"))))
    thought = value.get(thought_key(value)) if message.role == "assistant" else None
    return message._replace(text=thoughtful(message.text, thought)) if thought else message


def _refuse_others(value: dict[str, Any]) -> None:
    """Raise ``Dropped`` for a message of which a part cannot be read, or that is none of those that are shown."""
    if other := unread(value, BESIDE):
        raise Dropped(other if other == DETAIL else "not_text", excerpt(f"{other}: {value[other]}", around=100))
    if (channel := value.get("channel")) not in (None, "final"):  # gpt-oss
        raise Dropped(f"channel:{str(channel)[:20]}", excerpt(str(value), around=100))


def _weight(value: Any) -> float:
    """As in OpenAI's fine-tuning files, and in Bailian's under ``loss_weight``: 0 is read and not learned."""
    if value is None:
        return 1.0
    if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise Unreadable("wrong_type:weight", f"a message's weight should be a number of at least 0, not {value!r}")
    return float(value)


def weighed(values: list[Any], weights: list[Any]) -> list[Any]:
    """Messages with the *weights* that belle's own records hold beside them, one for each but system texts."""
    said = [isinstance(value, dict) and value.get("role") != "system" for value in values]
    if sum(said) != len(weights):
        raise Unreadable("wrong_type:weights", f"{len(weights)} weights for {sum(said)} messages")
    given = iter(weights)
    return [{**value, "weight": next(given)} if own else value for value, own in zip(values, said, strict=True)]


def _text(content: Any) -> str:
    """Text of a message, which may be a list of parts."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if not isinstance(content, list):
        raise Unreadable("wrong_type:message", f"{type(content).__name__} where text should be")
    return text_of(content)


def text_of(parts: list[Any]) -> str:
    """Text of parts, as long as all are text; what led to it is put before it."""
    texts: dict[bool, list[str]] = {True: [], False: []}
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else str(part)
        thought = kind in THOUGHTS
        keys = [key for key in (*THOUGHTS, "text") if isinstance(part.get(key), str)] if thought else ["text"]
        if not (isinstance(part, dict) and keys and (thought or (kind in TEXTS and isinstance(part.get("text"), str)))):
            raise Dropped("not_text", excerpt(str(kind), around=100))
        texts[thought].append(part[keys[0]])
    return thoughtful("".join(texts[False]), "\n".join(texts[True]))


def examples_of(
    messages: Sequence[Message],
    record: dict[str, Any],
    place: Place,
    *,
    used: Sequence[str],
    system: str = "",
    ids: Sequence[str] = ("id",),
) -> list[Example | Refused]:
    """The conversation in *messages* as an example, if there is one, and the messages left out of it.

    *used*: keys of *record* that are no more said about it; *ids*: those under which its name may stand. Raises ``Dropped``.
    """
    conversation, refused = converse(messages, system)
    own = next((record[key] for key in ids if key in record), None)
    kept = [Example(place.id_of(own), conversation, **about(record, used))] if conversation else []
    return [*kept, *refused]


def converse(messages: Sequence[Message], system: str = "") -> tuple[Conversation | None, list[Dropped]]:
    """The conversation in *messages*, ``None`` when no question has an answer, and what was left out of it.

    Messages of one speaker in a row are joined by a newline. From the first empty message on everything is left out, since
    what follows answers what is not there; so are an answer before the first question and a question after the last answer.
    An empty system text says nothing.
    """
    if not messages:
        raise Dropped("empty_conversation")
    refused: list[Dropped] = []
    turns: list[Turn] = []
    for place, message in enumerate(messages):
        if not message.text.strip():
            if message.role == "system":
                continue
            refused += [_refuse("empty_turn", one) for one in messages[place:]]
            break
        if message.role == "system":
            if turns or refused:
                refused.append(_refuse("late_system", message))
            elif message.text != system:  # some sets hold it beside the messages, too
                system = "\n".join([text for text in (system, message.text) if text])
        elif not turns and message.role == "assistant":
            refused.append(_refuse("no_question", message))
        elif turns and turns[-1].role == message.role:
            last = turns[-1]
            turns[-1] = Turn(last.role, f"{last.text}\n{message.text}", min(last.weight, message.weight))
        else:
            turns.append(Turn(message.role, message.text, message.weight))
    if turns and turns[-1].role == "user":
        refused.append(_refuse("no_answer", Message("user", turns.pop().text)))
    if not turns and system:
        refused.append(_refuse("no_question", Message("system", system)))
    return (Conversation(tuple(turns), system) if turns else None), refused


def _refuse(reason: str, message: Message) -> Dropped:
    return Dropped(reason, f"{message.role}: {excerpt(message.text, around=200)}")
