"""Documents for pretraining: one text per record."""

from __future__ import annotations

from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place
from belle_core.data.fields import list_field, text_field

OTHERS = ("instruction", "conversations", "conversation", "messages", "output", "chosen", "rejected", "role")
"""Keys of other layouts; beside one of them ``text`` is the rendered conversation, or one message of it (OpenAssistant's)."""


ALONE = ("content", "completion")
"""Keys that hold a document where nothing stands beside them that it could answer or be answered by: RefinedWeb, WuDao, Wikipedia."""
KEYS = ("text", "raw_content", *ALONE)
"""Where the document stands; the second is RedPajama's."""
PARAGRAPHS, SAID = "段落", "内容"
"""Where MNBVC's paragraphs stand, and the text in each of them."""
PARTNERS = ("prompt", "input", "question", "query", "title", "summary", "response", "answer", "reply", "target", "label", "labels",
            "reasoning_content")  # fmt: skip


class TextFormat:
    """``text`` is the document, kept as it is; ``id`` names it, the rest becomes ``meta``."""

    refines: tuple[str, ...] = ()

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there is a text and nothing that another layout is known by."""
        if isinstance(paragraphs := record.get(PARAGRAPHS), list):
            return bool(paragraphs) and isinstance(paragraphs[0], dict) and SAID in paragraphs[0]
        key = _key(record)
        others = (*OTHERS, *PARTNERS) if key in ALONE and "titleUkey" not in record else OTHERS  # WuDao has a title
        return key in record and isinstance(record[key], (str, type(None))) and record.keys().isdisjoint(others)

    def examples(self, record: dict[str, Any], place: Place) -> list[Example]:
        """One example; raises ``Unreadable`` for a missing or wrong ``text``, ``Dropped`` for an empty one."""
        text = _paragraphs(record) if (key := _key(record)) == PARAGRAPHS else text_field(record, key)
        if not text.strip():
            raise Dropped("empty_text")
        meta = {name: value for name, value in record.items() if name not in ("id", key)}
        return [Example(place.id_of(record.get("id")), text=text, meta=meta)]


def _key(record: dict[str, Any]) -> str:
    return next((key for key in (PARAGRAPHS, *KEYS) if key in record), KEYS[0])


def _paragraphs(record: dict[str, Any]) -> str:
    """MNBVC's paragraphs, one a line."""
    items = list_field(record, PARAGRAPHS)
    return "\n".join([text_field(item if isinstance(item, dict) else {SAID: item}, SAID) for item in items])


FORMAT = TextFormat()
