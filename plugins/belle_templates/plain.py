"""No format at all: the text goes on where the user stops. For base models that were never tuned."""

from __future__ import annotations

from collections.abc import Iterator

from belle_core.conversation import Conversation
from belle_core.encoding import Segment


class PlainTemplate:
    """Turns follow each other as they are; an answer that is learned ends with EOS."""

    name = "plain"
    jinja = (
        "{{ bos_token }}{% for message in messages %}{{ message['content'] }}"
        "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    )
    stop = ("eos",)

    def segments(self, conversation: Conversation) -> Iterator[Segment]:
        """BOS once, then the texts."""
        yield Segment(special="bos")
        if conversation.system:
            yield Segment(text=conversation.system)
        for turn in conversation.turns:
            yield Segment(text=turn.text, weight=turn.weight if turn.role == "assistant" else 0.0)
            if turn.role == "assistant":
                yield Segment(special="eos", weight=turn.weight)


TEMPLATE = PlainTemplate()
