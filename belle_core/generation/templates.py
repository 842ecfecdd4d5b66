"""Finds out how a checkpoint wants conversations written: a template of a plugin, or the Jinja text it carries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, cast

from belle_core.conversation import Conversation, Turn
from belle_core.encoding import Segment, Template
from belle_core.errors import BelleError, in_one_line
from belle_core.plugins import load_catalog

PROTECTED = "\ue000"
"""Stands within special tokens that a user wrote out, while the template is rendered."""


def template_for(
    jinja: str | None, special: Sequence[str], *, bos: str, eos: str, name: str | None, where: str
) -> Template:
    """The template called *name*; else the plugin's whose Jinja text is *jinja*; else *jinja* itself.

    *special* are the contents of all special tokens. A part that is a class is made from *jinja*. Raises ``BelleError`` when there is neither name nor text: a guess
    would give the model other ids than it was trained on.
    """
    catalog = load_catalog()
    part = catalog.part("template", name).load() if name else None
    if part is not None and not isinstance(part, type):
        return cast(Template, part)
    if not jinja:
        known = ", ".join(n for n in catalog.names("template") if n != name)
        raise BelleError(
            f"{where} carries no chat template; say which it was trained with, by model.template=, for an endpoint by its template=, in a chat by --template: {known}",
            f"{where} 没有对话模板；请用 model.template=（接口用其 template=，对话时用 --template）指明训练时所用的模板：{known}",
        )
    if part is not None:
        return cast(Template, part(jinja, special, bos=bos, eos=eos, where=where))
    offered = [catalog.part("template", known).load() for known in catalog.names("template")]
    same = (
        template for template in offered if not isinstance(template, type) and template.jinja.strip() == jinja.strip()
    )
    return next(same, None) or JinjaTemplate(jinja, special, bos=bos, eos=eos, where=where)


def template_of(directory: Path, tokenizer: Any, name: str | None = None) -> Template:
    """The template called *name*, else the one that travels with the checkpoint."""
    path = directory / "chat_template.jinja"
    jinja = path.read_text(encoding="utf-8") if path.is_file() else getattr(tokenizer, "chat_template", None)
    if isinstance(jinja, dict):  # several by name
        jinja = jinja.get("default")
    special = {str(t) for t in tokenizer.added_tokens_decoder.values() if t.special} | set(tokenizer.all_special_tokens)
    return template_for(
        jinja,
        sorted(special),
        bos=tokenizer.bos_token or "",
        eos=tokenizer.eos_token or "",
        name=name,
        where=str(directory),
    )


class JinjaTemplate:
    """A chat template in Jinja, cut at its special tokens; those that a user writes out stay text."""

    name = "jinja"

    def __init__(self, jinja: str, special: Sequence[str], *, bos: str, eos: str, where: str) -> None:
        self.jinja, self.where = jinja, where
        self._names = {"bos_token": bos, "eos_token": eos}
        self._special = re.compile("|".join(re.escape(s) for s in sorted(special, key=len, reverse=True)) or r"(?!)")
        try:
            self._template = _environment().from_string(jinja)
        except Exception as error:
            raise self._refused(error) from error
        self.stop = tuple(dict.fromkeys([eos, *self._after_answer()])) if eos else tuple(self._after_answer())

    def segments(self, conversation: Conversation) -> Iterator[Segment]:
        """Special tokens and the text between them; up to where the answer begins when the user speaks last."""
        yield from self._cut(self._render(conversation))

    def _cut(self, text: str) -> Iterator[Segment]:
        place = 0
        for found in self._special.finditer(text):
            yield from self._text(text[place : found.start()])
            yield Segment(special=found.group())
            place = found.end()
        yield from self._text(text[place:])

    def _text(self, text: str) -> Iterator[Segment]:
        if text:
            yield Segment(text=text.replace(PROTECTED, ""))

    def _render(self, conversation: Conversation) -> str:
        messages = [{**m, "content": self._protect(m["content"])} for m in conversation.messages()]
        asks = bool(conversation.turns) and conversation.turns[-1].role == "user"
        try:
            return str(self._template.render(messages=messages, add_generation_prompt=asks, **self._names))
        except Exception as error:  # a template is foreign code: whatever it raises is its own fault
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> BelleError:
        why = in_one_line(error)
        return BelleError(
            f"the chat template of {self.where} refuses this conversation: {why}",
            f"{self.where} 的对话模板不接受这段对话：{why}",
        )

    def _protect(self, content: str) -> str:
        return self._special.sub(lambda found: found.group()[0] + PROTECTED + found.group()[1:], content)

    def _after_answer(self) -> Iterator[str]:
        """The special token that the template puts behind an answer."""
        answer = "\ue001"
        text = self._render(Conversation((Turn("user", "?"), Turn("assistant", answer))))
        if found := self._special.search(text, text.rfind(answer) + 1):
            yield found.group()


def _environment() -> Any:
    """What Hugging Face templates may use (transformers' chat_template_utils), and nothing of the machine."""
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """``{% generation %}`` tells transformers where an answer stands; it writes nothing."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: str) -> NoReturn:
        from jinja2 import TemplateError

        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation]
    )
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment
