"""Keeps examples in some languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.languages import language_of
from belle_core.data.personal import excerpt
from belle_filters.config import LanguageConfig

GARBLED = re.compile("\ufffd|锟斤拷|烫烫烫|屯屯屯|\u951f\u65a4")
"""Traces of characters that were lost; they cannot be repaired."""


ASKED = re.compile(
    "翻译|译成|译为|译文|外语|方言|语言|[日韩法德俄葡意泰越荷]语|[日韩法德俄]文|西班牙|葡萄牙|阿拉伯|意大利|拉丁|希腊|印地|梵文|世界语|罗马音|"
    "translat|language|French|German|Spanish|Japanese|Korean|Russian|Italian|Portuguese|Latin|Arabic|Dutch|Hindi",
    re.IGNORECASE,
)
"""What a question says whose answer may be in another language."""


QUOTED = re.compile(r"“[^”\n]*”|\"[^\"\n]*\"|「[^」\n]*」|『[^』\n]*』|《[^》\n]*》|(?<!\w)['‘][^'’\n]*['’](?!\w)")


class Language:
    """Reasons: the language that was found (``language:fr``), ``garbled``."""

    repairs = False

    def __init__(self, config: LanguageConfig) -> None:
        import py3langid  # noqa: F401 (a missing package is told before anything runs)

        self.config, self.kept = config, {"", *config.keep}

    def __call__(self, example: Example) -> Example | Drop:
        for text in self._texts(example):
            if (language := language_of(text)) not in self.kept and not (self.config.asked and self._asked(example)):
                return Drop(language, excerpt(text))
            if self.config.garbled and len(found := GARBLED.findall(text)) >= self.config.garbled:
                return Drop("garbled", excerpt(text, text.index(found[0])))
        return example

    def _asked(self, example: Example) -> bool:
        """Whether a line of a question, without what it quotes, is in a language to keep and speaks of languages."""
        turns = example.conversation.turns if example.conversation else ()
        questions = (turn.text for turn in turns if turn.role == "user" and ASKED.search(turn.text))
        return any(
            ASKED.search(line) and language_of(QUOTED.sub(" ", line)) in self.kept
            for question in questions
            for line in question.split("\n")
        )

    def _texts(self, example: Example) -> Iterator[str]:
        conversation = example.conversation
        if conversation is None:
            yield example.text or ""
        elif self.config.by == "turns":
            yield from (turn.text for turn in conversation.turns)
        else:
            yield conversation.question if self.config.by == "question" else conversation.answer
