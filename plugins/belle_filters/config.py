"""Options of the filters, each a class; a part carries the name that stands in front of ``Config``."""

from __future__ import annotations

from dataclasses import dataclass

from belle_core.config import at_least
from belle_core.errors import Invalid


@dataclass
class LengthConfig:
    """Drops what is too short or too long to learn from."""

    min: int = 1
    """Least characters of every answer, white space aside (of the text, where there is no conversation)."""
    max: int | None = None
    """Most characters of all turns together; nothing is dropped for it when ``null``."""
    min_question: int = 1
    """Least characters of every question, white space aside."""
    max_turns: int | None = None
    """Most turns, questions and answers counted each."""

    def __post_init__(self) -> None:
        at_least(self, min=0, min_question=0, max=1, max_turns=1)
        if self.max is not None and self.max < self.min:
            raise Invalid("max", f"is {self.max}, below min={self.min}", f"为 {self.max}，小于 min={self.min}")


@dataclass
class ExactConfig:
    """Drops examples that were there before, apart from case, width, white space and punctuation."""

    by: str = "conversation"
    """What must be equal: the whole ``conversation``, or the ``question`` (all turns before the last answer)."""

    def __post_init__(self) -> None:
        from belle_core.config import one_of

        one_of(self, "by", ("conversation", "question"))
