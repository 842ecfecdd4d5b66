"""Diversity by word frequencies: what asks in words that many kept examples have is enough of its kind."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise

from belle_core.conversation import Example
from belle_core.data.corpus import Corpus
from belle_core.data.filters import Drop
from belle_core.data.languages import HAN
from belle_core.data.words import tokenizer
from belle_core.errors import BelleError
from belle_filters.corpus_config import DiversityConfig

LONGEST = 1000
"""Characters of an example that are looked at."""
WORD = re.compile(rf"(?:{HAN.pattern})+|(?:(?!{HAN.pattern})[^\W_])+")


class Diversity:
    """Reason: the filter's name alone. One pass; memory grows with the number of different words, not of examples."""

    whole = False

    def __init__(self, config: DiversityConfig) -> None:
        self.config = config
        self._words: Callable[[str], set[str]] = segmented() if config.words == "jieba" else words

    def summaries(self, examples: Sequence[Example]) -> list[bytes]:
        """The words of each, once and in order."""
        return ["\0".join(sorted(self._words(_asked(example)))).encode("utf-8") for example in examples]

    def decide(self, corpus: Corpus) -> Iterator[Drop | None]:
        """Keeps an example while enough of its words stand in few of the kept ones."""
        kept: Counter[str] = Counter()
        for summary in corpus.summaries():
            found = summary.decode("utf-8").split("\0") if summary else []
            rare = sum(kept[word] < self.config.most for word in found)
            if rare >= self.config.fresh * len(found):
                kept.update(found)
                yield None
            else:
                yield Drop(
                    evidence=f"{rare} of {len(found)} words stand in fewer than {self.config.most} kept examples"
                )


def _asked(example: Example) -> str:
    """All that the user says, or the whole text."""
    conversation = example.conversation
    if conversation is None:
        return (example.text or "")[:LONGEST].lower()
    return "\n".join(turn.text for turn in conversation.turns if turn.role == "user")[:LONGEST].lower()


def words(text: str) -> set[str]:
    """Words; of Chinese, pairs of neighbouring characters."""
    found: set[str] = set()
    for word in WORD.findall(text):
        if len(word) > 1 and HAN.match(word):
            found.update(a + b for a, b in pairwise(word))
        else:
            found.add(word)
    return found


@cache
def segmented() -> Callable[[str], set[str]]:
    """The same with Chinese words as jieba's dictionary has them; raises ``BelleError`` where jieba is not installed."""
    try:
        cut = tokenizer().lcut
    except ModuleNotFoundError as error:
        raise BelleError(
            'words=jieba needs the package jieba: pip install "belle[look]"',
            'words=jieba 需要软件包 jieba：pip install "belle[look]"',
        ) from error
    return lambda text: {word for word in cut(text, HMM=False) if WORD.search(word)}
