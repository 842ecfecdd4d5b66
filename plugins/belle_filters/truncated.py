"""Last answers that break off in the middle, or run on into what came next in the prompt that made them."""

from __future__ import annotations

import re

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.languages import is_code
from belle_core.data.personal import excerpt
from belle_filters.config import TruncatedConfig
from belle_filters.endings import OPEN, OPENING, RUN_ON, TITLE, ends

ASKED = re.compile(r"Output|输出", re.IGNORECASE)
"""In a question whose answer may well name an input and an output."""
LABEL = re.compile(r"#\S|@\S|https?://\S|:\w{2,30}:\Z")
"""Hash tags, addresses, links and names of emoji end without a mark."""
ITEM = re.compile(
    r"\s*(?:[-*•·]|\d{1,3}[.、)）：:]|[（(](?:\d+|[A-Za-z一二三四五六七八九十])[)）]|[一二三四五六七八九十]+、|[A-Za-z][.)）])\s*"
)
INNER = re.compile(r"(?:^|\s)\d{1,3}[.)、．]\s*\S")
"""Items of a list on one line."""
FIELD = re.compile(r"[^:：\n]{1,30}[:：]\s*\S[^\n]{0,60}")
"""A line such as ``Name: value``."""
SAID_BY = re.compile(r"[\"”»]\s*[-–—]+[^\n]{2,40}\Z")
CODE = re.compile(r"[{}();=<>]|^(?: {2,}|\t)\S|^\s*(?:def|return|import|print|SELECT|FROM)\b", re.MULTILINE)
PIECE = re.compile(r"[,，、;；]\s*")
TAIL = 40
"""Characters at the end that are looked at."""
OPEN_BYTES = 60
"""Least length in UTF-8 of what can be an open sentence; a line that was asked for may end with a comma."""
OUTPUT = 6
"""Lines behind a program that may show what it prints."""
SHORT = 40
"""Characters of a line that may be a title or a name."""
WORD_BYTES, WORDS = 18, 8
"""So many pieces between commas that are so short on the average are a list of words, not clauses."""


class Truncated:
    """Reasons: ``length_limit`` (the source says so), ``run_on``, ``open_code``, ``open_sentence``, and ``no_end`` where it is asked for."""

    repairs = False

    def __init__(self, config: TruncatedConfig) -> None:
        self.min = config.min

    def __call__(self, example: Example) -> Example | Drop:
        answer = example.text if example.conversation is None else example.conversation.answer
        if not answer:
            return example
        if example.meta.get("finish_reason") == "length":
            return Drop("length_limit", excerpt(answer, len(answer)))
        if _runs_on(answer) and not (example.conversation and ASKED.search(example.conversation.question)):
            return Drop("run_on", excerpt(answer, len(answer)))
        if reason := self._reason(answer.rstrip()):
            return Drop(reason, excerpt(answer, len(answer)))
        return example

    def _reason(self, text: str) -> str:
        if "```" in text and len(re.findall(r"^\s*```", text, re.MULTILINE)) % 2:
            return "open_code"
        if ends(text) and text[-1] not in "：:":
            return ""
        tail = text[-TAIL:]
        line = text.rpartition("\n")[2]
        if CODE.search(line) or LABEL.search(_last_word(line)):
            return ""
        if len(text.encode("utf-8", "surrogatepass")) >= OPEN_BYTES:
            if OPEN.search(tail):
                return "" if _signed(text, line) else "open_sentence"
            if OPENING.search(line) or _untold(text):
                return "open_sentence"
        if self.min is None or len(text) < self.min or _listed(line) or _ends_alike(text, line):
            return ""
        return "no_end"


def _runs_on(text: str) -> bool:
    """Whether the next task follows; asked first for words without which it cannot, as that is cheap."""
    if "utput" in text or "输出" in text or "EOM" in text or "|>" in text or "UTPUT" in text:
        return bool(RUN_ON.search(text))
    return False


def _untold(text: str) -> bool:
    """Whether the last item of a list is a title alone where others have something to tell."""
    items = [match["said"] for match in TITLE.finditer(text)] if text[-1] in "：:" else []
    return len(items) > 1 and items[-1] is None and None not in items[:-1]


def _last_word(line: str) -> str:
    return line.rsplit(maxsplit=1)[-1] if line.strip() else ""


def _signed(text: str, line: str) -> bool:
    """Whether *line* is what a letter ends with before a name: ``Sincerely,`` in a paragraph of its own."""
    before = text[: len(text) - len(line)]
    return (
        text[-1] in ",，"
        and len(line) <= 30
        and not PIECE.search(line[:-1])
        and before.endswith("\n\n")
        and ends(before.rstrip())
    )


def _listed(line: str) -> bool:
    """Whether *line* holds the items of a list, words one after the other, or somebody's name behind what he said."""
    if len(INNER.findall(line)) >= 3 or SAID_BY.search(line):
        return True
    pieces = PIECE.split(re.split(r"[。！？!?：:]|\. ", line)[-1])
    sizes = [len(piece.encode("utf-8", "surrogatepass")) for piece in pieces]
    return len(sizes) >= WORDS and sum(sizes) <= WORD_BYTES * len(sizes) and max(sizes) <= 2 * WORD_BYTES


def _ends_alike(text: str, line: str) -> bool:
    """Whether other lines end without a mark too, as in lists, poems, tables and programs."""
    lines = [other for other in text.split("\n")[:-1] if other.strip()]
    if len(line.encode("utf-8", "surrogatepass")) <= WORD_BYTES and lines and text[-1] not in ":：":
        return True  # an answer in a line of its own: "Output: true"
    without = sum(not ends(other.rstrip()) for other in lines)
    if FIELD.fullmatch(line) and any(FIELD.fullmatch(other) for other in lines):
        return True
    if without * 2 >= len(lines) > 0 or (without and ITEM.match(line)):
        return True
    if len(line) <= SHORT and is_code("\n".join(lines[-OUTPUT:])):
        return True
    short = [other for other in lines if len(other) <= SHORT]
    return len(line) <= SHORT and 0 < len(short) <= 2 * sum(not ends(other.rstrip()) for other in short)
