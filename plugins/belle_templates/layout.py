"""A chat template as data: from one description come its segments and its Jinja text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from belle_core.conversation import Conversation
from belle_core.encoding import Segment

FIELDS = {"{bos}": "bos_token", "{eos}": "eos_token", "{text}": "message['content']", "{system}": "system"}
"""What may stand in a pattern, and its name in Jinja."""


@dataclass(frozen=True)
class Layout:
    """Patterns of text with ``{bos}``, ``{eos}``, ``{text}`` and special tokens written out.

    They are cut before any user's text is filled in, so nothing that a user writes becomes a special token.
    """

    name: str
    question: str
    """A user's turn; ``{system}`` is where the system text of the first one stands."""
    answer: str
    """The assistant's turn; all of it is learned."""
    begin: str = "{bos}"
    """Before everything."""
    system: str = "{text}"
    """The system text with what surrounds it; nothing stands there when there is none."""
    default_system: str = ""
    """System text of a conversation that has none."""
    cue: str = ""
    """After a question, where an answer follows."""
    after: str = ""
    """After an answer; not learned."""
    special: tuple[str, ...] = ()
    """Special tokens in the patterns beside BOS and EOS; the tokenizer must have them."""
    stop: tuple[str, ...] = ("eos",)
    """Tokens that end an answer."""

    def segments(self, conversation: Conversation) -> Iterator[Segment]:
        """The segments of *conversation*; up to where the answer begins when the user speaks last."""
        yield from self._filled(self.begin)
        system = conversation.system or self.default_system
        for turn in conversation.turns:
            if turn.role == "user":
                yield from self._filled(self._question(bool(system)), turn.text, system)
                system = ""
            else:
                yield from self._filled(self.answer, turn.text, weight=turn.weight)
                yield from self._filled(self.after)

    def _question(self, with_system: bool) -> str:
        system = self.system.replace("{text}", "{system}") if with_system else ""
        return self.question.replace("{system}", system) + self.cue

    def _filled(self, pattern: str, text: str = "", system: str = "", weight: float = 0.0) -> Iterator[Segment]:
        """Text that belongs together is one segment."""
        pending = ""
        for piece in self._cut(pattern):
            if piece in ("{bos}", "{eos}") or piece in self.special:
                if pending:
                    yield Segment(text=pending, weight=weight)
                yield Segment(special=piece.strip("{}"), weight=weight)
                pending = ""
            else:
                pending += {"{text}": text, "{system}": system}.get(piece, piece)
        if pending:
            yield Segment(text=pending, weight=weight)

    def _cut(self, pattern: str) -> tuple[str, ...]:
        return _cut(pattern, tuple(self.special))

    @property
    def jinja(self) -> str:
        """The same for other tools; system text comes as a first message, ``add_generation_prompt`` adds the cue."""
        before, _, behind = self.question.partition("{system}")
        cue = f"{{% if not loop.last or add_generation_prompt %}}{self._printed(self.cue)}{{% endif %}}"
        default = json.dumps(self.default_system, ensure_ascii=False)
        given = "messages[0]['content']" + (f" or {default}" if self.default_system else "")
        return (
            f"{{% if messages[0]['role'] == 'system' %}}{{% set system = {given} %}}{{% set turns = messages[1:] %}}"
            f"{{% else %}}{{% set system = {default} %}}{{% set turns = messages %}}{{% endif %}}"
            f"{self._printed(self.begin)}{{% for message in turns %}}{{% if message['role'] == 'user' %}}"
            f"{self._printed(before)}{{% if loop.first and system %}}"
            f"{self._printed(self.system.replace('{text}', '{system}'))}{{% endif %}}{self._printed(behind)}"
            f"{cue if self.cue else ''}{{% else %}}{self._printed(self.answer + self.after)}{{% endif %}}{{% endfor %}}"
        )

    def _printed(self, pattern: str) -> str:
        """The pattern as one Jinja output."""
        parts = [FIELDS.get(piece) or json.dumps(piece, ensure_ascii=False) for piece in self._cut(pattern)]
        return f"{{{{ {' + '.join(parts)} }}}}" if parts else ""


@lru_cache
def _cut(pattern: str, special: tuple[str, ...]) -> tuple[str, ...]:
    """*pattern* in pieces: fields, special tokens, and the text between them. A template has few patterns, data many turns."""
    marks = "|".join(re.escape(mark) for mark in (*FIELDS, *special))
    return tuple(piece for piece in re.split(f"({marks})", pattern) if piece)
