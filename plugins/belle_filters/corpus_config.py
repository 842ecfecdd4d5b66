"""Options of the filters that decide over many examples."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from belle_core.config import at_least, between, one_of, option
from belle_core.errors import Invalid


@dataclass
class ExactConfig:
    """Drops examples that were there before, apart from case, width, white space and punctuation."""

    by: str = "conversation"
    """What must be equal: the whole ``conversation``, or the ``question`` (all turns before the last answer)."""

    def __post_init__(self) -> None:
        one_of(self, "by", ("conversation", "question"))


@dataclass
class SampleConfig:
    """Keeps a random part, the same for the same seed whatever the order of the data."""

    share: float = 1.0
    """Share of the examples (0 to 1); about that many are kept."""
    count: int | None = None
    """Number of examples; where it is given exactly that many are kept, if there are so many."""
    seed: int = 0
    """Which part."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise Invalid(
                "share", f"must be above 0 and at most 1, got {self.share}", f"应大于 0 且不超过 1，现在是 {self.share}"
            )
        at_least(self, count=1)


@dataclass
class DiversityConfig:
    """Thins out what is asked most: examples whose words stand in many that were kept before."""

    most: int = 100
    """Kept examples in which a word may stand and still counts as rare."""
    fresh: float = 0.3
    """Least share (0 to 1) of rare words among those of an example."""
    words: str = "pairs"
    """What a word of Chinese is: ``pairs`` of neighbouring characters, or as ``jieba`` divides (slower)."""

    def __post_init__(self) -> None:
        at_least(self, most=1)
        one_of(self, "words", ("pairs", "jieba"))
        between(self, "fresh", 0, 1)


@dataclass
class PerplexityConfig:
    """Drops examples that a language model finds too strange, or too plain."""

    model: str = option(MISSING, file=True)
    """Directory of a model in Hugging Face layout, such as an artifact of an earlier run."""
    max: float | None = 1000.0
    """Greatest perplexity of a token; right for no model but your own: look at some first."""
    min: float | None = None
    """Least perplexity of a token."""
    of: str = "answer"
    """``answer``: the last answer, given what stands before it; ``text``: all text of the example by itself."""
    length: int = 1024
    """Most tokens that are read of an example."""
    batch: int = option(16, identity=False)
    """Examples that are scored together."""

    def __post_init__(self) -> None:
        one_of(self, "of", ("answer", "text"))
        at_least(self, length=2, batch=1)
