"""Last answers that break off in the middle."""

from __future__ import annotations

import re

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_filters.config import TruncatedConfig
from belle_filters.texts import excerpt

OPEN = re.compile(
    r"[,，、（(“‘《「『【\[{]\Z|(?:以及|并且|而且|但是|因为|所以|如果|或者|包括|例如|比如)\Z|[a-z,] (?:and|or|but|the|of|to|because|with|for|an|such as)\Z"
)
"""What no text ends with."""
ENDS = re.compile(r"[。．.！!？?…～~；;”’\"'」』）)】\]}>》|`*_$%：:\d\U0001f000-\U0001faff☀-➿]\Z")
LABEL = re.compile(r"#\S|@\S|https?://\S")
"""Hash tags, addresses and links end without a mark."""
ITEM = re.compile(r"\s*(?:[-*•·]|\d{1,3}[.、)）：:]|[（(]\d+[)）]|[一二三四五六七八九十]+、|[A-Za-z][.)）])\s*")
CODE = re.compile(r"[{}();=<>]|^\s*(?:def|return|import|print|SELECT|FROM)\b", re.MULTILINE)


class Truncated:
    """Reasons: ``length_limit`` (the source says so), ``open_code``, ``open_sentence``, ``no_end``."""

    repairs = False

    def __init__(self, config: TruncatedConfig) -> None:
        self.min = config.min

    def __call__(self, example: Example) -> Example | Drop:
        answer = example.text if example.conversation is None else example.conversation.answer
        if not answer:
            return example
        if example.meta.get("finish_reason") == "length":
            return Drop("length_limit", excerpt(answer, len(answer)))
        if reason := self._reason(answer.rstrip()):
            return Drop(reason, excerpt(answer, len(answer)))
        return example

    def _reason(self, text: str) -> str:
        if "```" in text and len(re.findall(r"^\s*```", text, re.MULTILINE)) % 2:
            return "open_code"
        if ENDS.search(text) and text[-1] not in "：:":
            return ""
        line = text.rpartition("\n")[2]
        if CODE.search(line) or LABEL.search(_last_word(line)) or (len(text) < self.min and text[-1] in "：:-"):
            return ""
        if len(text) >= 20 and OPEN.search(text):
            return "open_sentence"
        return "no_end" if len(text) >= self.min and not _ends_alike(text, line) else ""


def _last_word(line: str) -> str:
    return line.rsplit(maxsplit=1)[-1] if line.strip() else ""


def _ends_alike(text: str, line: str) -> bool:
    """Whether other lines end without a mark too, as in lists, poems, tables and programs."""
    lines = [other for other in text.split("\n")[:-1] if other.strip()]
    without = sum(not ENDS.search(other.rstrip()) for other in lines)
    return bool(lines) and (without * 2 >= len(lines) or bool(ITEM.match(line)) or (len(line) <= 40 and without > 0))
