"""A chat template as data: from one description come its segments and its Jinja text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from belle_core.conversation import Conversation
from belle_core.encoding import Segment

FIELDS = {"{bos}": "bos_token", "{eos}": "eos_token", "{text}": "message['content']", "{system}": "system"}
"""What may stand in a pattern, and its name in Jinja."""
TEXT = "%(text)s"
Stretch = tuple[str, str]
"""Of a pattern: a special token, or else a text into which ``text`` and ``system`` are put by ``%``."""


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
        found = [*self._begin]
        system = conversation.system or self.default_system
        for role, text, weight in conversation.turns:
            if role == "user":
                self._fill(found, self._questions[system != ""], text, system, 0.0)
                system = ""
            else:
                self._fill(found, self._answer, text, "", weight)
                found += self._after
        return iter(found)

    def _fill(self, found: list[Segment], stretches: list[Stretch], text: str, system: str, weight: float) -> None:
        for special, form in stretches:
            if special:
                found.append(Segment("", special, weight))
            elif filled := text if form == TEXT else form % {"text": text, "system": system}:
                found.append(Segment(filled, "", weight))

    @cached_property
    def _begin(self) -> list[Segment]:
        return self._ready(self.begin)

    @cached_property
    def _after(self) -> list[Segment]:
        return self._ready(self.after)

    def _ready(self, pattern: str) -> list[Segment]:
        """The segments of a pattern that is not learned and has nothing to be filled in."""
        found: list[Segment] = []
        self._fill(found, self._stretches(pattern), "", "", 0.0)
        return found

    @cached_property
    def _questions(self) -> tuple[list[Stretch], list[Stretch]]:
        """Without and with a system text."""
        systems = ("", self.system.replace("{text}", "{system}"))
        without, with_system = (self._stretches(self.question.replace("{system}", s) + self.cue) for s in systems)
        return without, with_system

    @cached_property
    def _answer(self) -> list[Stretch]:
        return self._stretches(self.answer)

    def _stretches(self, pattern: str) -> list[Stretch]:
        """*pattern* as special tokens and the texts between them: what belongs together is one segment."""
        found: list[Stretch] = [("", "")]
        for piece in self._cut(pattern):
            if piece in ("{bos}", "{eos}") or piece in self.special:
                found += [(piece.strip("{}"), ""), ("", "")]
            else:
                form = f"%({piece.strip('{}')})s" if piece in FIELDS else piece.replace("%", "%%")
                found[-1] = ("", found[-1][1] + form)
        return [stretch for stretch in found if any(stretch)]

    def _cut(self, pattern: str) -> tuple[str, ...]:
        """*pattern* in pieces: fields, special tokens, and the text between them."""
        marks = "|".join(re.escape(mark) for mark in (*FIELDS, *self.special))
        return tuple(piece for piece in re.split(f"({marks})", pattern) if piece)

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
