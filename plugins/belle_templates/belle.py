"""BELLE's own format: ``Human: \\n{question}\\n\\nAssistant: \\n{answer}</s>`` (LianjiaTech/BELLE, train/)."""

from __future__ import annotations

from collections.abc import Iterator

from belle_core.conversation import Conversation
from belle_core.encoding import Segment

JINJA = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\\n' }}"
    "{% elif message['role'] == 'user' %}{{ 'Human: \\n' + message['content'] + '\\n\\nAssistant: \\n' }}"
    "{% else %}{{ message['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
)


class BelleTemplate:
    """The system text stands before the first question, on lines of its own."""

    name = "belle"
    jinja = JINJA
    stop = ("eos",)

    def segments(self, conversation: Conversation) -> Iterator[Segment]:
        """BOS, then per question ``Human: …Assistant: ``, and per answer its text and EOS."""
        yield Segment(special="bos")
        head = f"{conversation.system}\n" if conversation.system else ""
        for turn in conversation.turns:
            if turn.role == "user":
                yield Segment(text=f"{head}Human: \n{turn.text}\n\nAssistant: \n")
                head = ""
            else:
                yield Segment(text=turn.text, weight=turn.weight)
                yield Segment(special="eos", weight=turn.weight)


TEMPLATE = BelleTemplate()
