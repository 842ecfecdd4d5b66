"""Our own records where answers are compared: ``messages``, and beside them a list of texts under ``rejected``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from belle_core.conversation import Example
from belle_core.data import Dropped, Place, Refused
from belle_core.data.personal import excerpt
from belle_formats.conversations import OPENAI
from belle_formats.turns import messages_of


class OwnFormat:
    """The last message is better than the rejected answers, best first; where a question is last, these are bad without a better one."""

    refines = ("messages",)

    def matches(self, record: dict[str, Any]) -> bool:
        """Whether there are texts beside messages."""
        worse = record.get("rejected")
        texts = isinstance(worse, list) and bool(worse) and all(isinstance(text, str) for text in worse)
        return texts and isinstance(record.get("messages"), list) and OPENAI.matches(record)

    def examples(self, record: dict[str, Any], place: Place) -> list[Example | Refused]:
        """One example and the turns left out of it; raises ``Unreadable`` and ``Dropped``."""
        if not self.matches(record):
            return OPENAI.examples(record, place)
        rest, worse = {key: value for key, value in record.items() if key != "rejected"}, tuple(record["rejected"])
        if not all(text.strip() for text in worse):
            raise Dropped("empty_answer", f"rejected: {excerpt(' / '.join(worse), around=100)}")
        asked = messages_of(rest["messages"][-1:])[0].role == "user"
        if asked:
            rest["messages"] = [*rest["messages"], {"role": "assistant", "content": worse[0]}]
            if isinstance(rest.get("weights"), list):
                rest["weights"] = [*rest["weights"], 1.0]
        found = OPENAI.examples(rest, place)
        if not isinstance(found[0], Example) or len(found) > 1:  # what is compared is the last answer, which is gone
            raise Dropped("empty_turn", f"rejected: {excerpt(worse[0], around=100)}")
        conversation = found[0].conversation
        assert conversation is not None
        return [replace(found[0], conversation=conversation.prompt() if asked else conversation, rejected=worse)]


FORMAT = OwnFormat()
