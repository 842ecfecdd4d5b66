"""Options of the filters that look at one example at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from belle_core.config import at_least, between, one_of, option
from belle_core.errors import Invalid

PERSONAL = ("phone", "id_card", "email", "bank_card", "account", "passport")
"""What ``personal`` finds; ``account`` is a QQ or WeChat number."""


def patterns(config: Any, *names: str) -> None:
    """Raise ``Invalid`` for a regular expression that is none."""
    for name in names:
        for pattern in getattr(config, name):
            try:
                re.compile(pattern)
            except re.error as error:
                raise Invalid(
                    name, f"has a broken pattern {pattern!r}: {error}", f"含有错误的正则表达式 {pattern!r}：{error}"
                ) from None


@dataclass
class HtmlConfig:
    """HTML answers, as ShareGPT has them, to Markdown: code blocks, tables, lists and formulas survive."""

    roles: list[str] = field(default_factory=lambda: ["assistant"])
    """Whose turns: ``assistant``, ``user``."""
    always: bool = False
    """Convert every text with a tag, not only one that is HTML from its first character on and shows no page of its own."""

    def __post_init__(self) -> None:
        if not self.roles or set(self.roles) - {"assistant", "user"}:
            raise Invalid(
                "roles",
                f"may hold assistant and user, got {self.roles}",
                f"只能包含 assistant 和 user，现在是 {self.roles}",
            )


@dataclass
class RepairConfig:
    """Control and zero-width characters, odd spaces, line ends, text decoded wrongly; full-width punctuation is left alone."""

    mojibake: bool = True
    """Undo a wrong decoding where that is certain (UTF-8 read as Latin-1 or GBK)."""
    entities: bool = True
    """Undo ``&lt;`` and ``&quot;`` where a record was escaped as a whole, as translations are that were made by a service on the web."""


@dataclass
class LanguageConfig:
    """Drops examples in other languages; numbers, formulas and code belong to none and stay."""

    keep: list[str] = field(default_factory=lambda: ["zh", "en"])
    """ISO 639-1 codes; ``[zh]`` is the zh(d) of BELLE's paper, ``[en]`` its en(d)."""
    by: str = "turns"
    """What must be in these languages: all ``turns``, ``question`` or ``answer`` (the last ones)."""
    asked: bool = True
    """Keep answers in other languages where the question is about languages, such as a translation."""
    garbled: int = 3
    """Fewest signs of lost characters (such as �) that make a text garbled, which is dropped; 0 keeps it."""

    def __post_init__(self) -> None:
        one_of(self, "by", ("turns", "question", "answer"))
        at_least(self, garbled=0)


@dataclass
class UntranslatedConfig:
    """Drops a Chinese instruction whose input or answer is English prose, unless it asks for English, code or the like."""

    input: bool = True
    """Whether an English input (the lines after the instruction) counts too."""
    words: int = 6
    """Fewest English words of two letters or more that are prose."""

    def __post_init__(self) -> None:
        at_least(self, words=1)


@dataclass
class AssistantConfig:
    """Drops answers that speak of themselves as a model, or as another company's assistant."""

    names: list[str] = field(default_factory=list)
    """More names of assistants and their makers, as regular expressions."""

    def __post_init__(self) -> None:
        patterns(self, "names")


@dataclass
class RefusalConfig:
    """Drops answers that refuse, ask for what should have been given, or say nothing."""

    more: list[str] = field(default_factory=list)
    """More regular expressions that the beginning of such an answer matches."""

    def __post_init__(self) -> None:
        patterns(self, "more")


@dataclass
class RepetitionConfig:
    """Drops answers that go round in circles."""

    share: float = 0.5
    """Share of an answer (0 to 1) that repeats itself."""
    unit: int = 12
    """Chinese characters that must repeat, or three times as many letters."""
    times: int = 4
    """Fewest times that they stand in the answer."""

    def __post_init__(self) -> None:
        between(self, "share", 0, 1)
        at_least(self, unit=2, times=2)


@dataclass
class TruncatedConfig:
    """Drops examples whose last answer breaks off, or runs on into the next task of the prompt that made it."""

    min: int | None = None
    """Characters from which an answer also counts as broken off when only its end mark is missing; ``None``: never, since many lack nothing else."""

    def __post_init__(self) -> None:
        at_least(self, min=1)


@dataclass
class ImpossibleConfig:
    """Drops questions about what a text model cannot see or make: images, sound, links, files."""

    more: list[str] = field(default_factory=list)
    """More regular expressions of what cannot be asked."""

    def __post_init__(self) -> None:
        patterns(self, "more")


@dataclass
class PersonalConfig:
    """Masks or drops telephone numbers, identity cards, e-mail addresses, bank cards, and accounts and passports that are called so."""

    action: str = "mask"
    """``mask`` puts the kind in place of the data, ``drop`` drops the example."""
    kinds: list[str] = field(default_factory=lambda: list(PERSONAL))
    """What is looked for."""

    def __post_init__(self) -> None:
        one_of(self, "action", ("mask", "drop"))
        for kind in self.kinds:
            if kind not in PERSONAL:
                words = ", ".join(PERSONAL)
                raise Invalid("kinds", f"knows {words}, not {kind!r}", f"只认识 {words}，没有 {kind!r}")


@dataclass
class LengthConfig:
    """Drops what is too short or too long to learn from."""

    min: int = 1
    """Least length of every answer, white space aside (of the text, where there is no conversation)."""
    max: int | None = None
    """Greatest length of all turns together."""
    min_question: int = 1
    """Least length of every question, white space aside."""
    max_turns: int | None = None
    """Most turns, questions and answers counted each."""
    unit: str = "characters"
    """What lengths are counted in: ``characters`` or ``tokens``."""
    tokenizer: str | None = option(None, file=True)
    """Directory of the tokenizer that counts tokens; ``None`` estimates: one for every Chinese character, one for four others."""

    def __post_init__(self) -> None:
        one_of(self, "unit", ("characters", "tokens"))
        at_least(self, min=0, min_question=0, max=1, max_turns=1)
        if self.max is not None and self.max < self.min:
            raise Invalid("max", f"is {self.max}, below min={self.min}", f"为 {self.max}，小于 min={self.min}")


@dataclass
class ScoreConfig:
    """Drops examples by a number that the data itself carries."""

    field: str = "translation_score"
    """Name of the field; dots lead into inner objects."""
    min: float | None = None
    """Least value."""
    max: float | None = None
    """Greatest value."""
    missing: str = "keep"
    """What happens to examples without such a number: ``keep`` or ``drop``."""

    def __post_init__(self) -> None:
        one_of(self, "missing", ("keep", "drop"))


@dataclass
class PiecesConfig:
    """Divides long conversations at the ends of answers; a single exchange that is too long is dropped."""

    tokens: int = 2048
    """Most tokens of a piece (BELLE and FastChat: 2,048)."""
    tokenizer: str | None = option(None, file=True)
    """Directory of the tokenizer that counts; ``None`` estimates: one for every Chinese character, one for four others."""
    overhead: int = 8
    """Tokens that a template adds to a turn, counted with it."""

    def __post_init__(self) -> None:
        at_least(self, tokens=16, overhead=0)
