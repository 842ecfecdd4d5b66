"""Unicode and white space: removes what nobody sees or meant, and leaves every visible character as it was."""

from __future__ import annotations

import re
from functools import cache

from belle_core.conversation import Example
from belle_core.data.languages import is_code
from belle_filters.config import RepairConfig
from belle_filters.entities import is_escaped, unescaped
from belle_filters.texts import mapped, outside_code

SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]|[\u0300-\u036f]{4}"
)
"""Characters to repair; most texts have none of them."""
LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufff9-\ufffb\ud800-\udfff\u2061-\u2064\u206a-\u206f]")
"""Control characters, and halves of surrogate pairs."""
INVISIBLE = re.compile("[\u200b\u2060\ufeff\xad]")
DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
"""Letters of Hebrew, Arabic, Uyghur and the like, among which marks of direction decide what is seen where."""
JOINERS = re.compile(
    "(?:(?<![^\\s\x21-\x7e\u3000-\u9fff\uff00-\uffef])|(?<=^))[\u200c\u200d]+|[\u200c\u200d]+(?=[\\s\x21-\x7e\u3000-\u9fff\uff00-\uffef]|$)"
)
"""Joiners beside Chinese or ASCII; they have a meaning in emoji and in other scripts."""
STACKED = re.compile("[\u0300-\u036f]{4,}")
"""More accents on one letter than any language has."""
SPACES = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f]")
"""Spaces other than the ordinary and the full-width one."""
BLANK_ENDS = re.compile(r"[ \t]+(?=\n)")
MANY_LINES = re.compile(r"\n{3,}")
LATIN_MOJIBAKE = re.compile(
    "[\xc2-\xf4][\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)
"""Two or more characters as UTF-8 makes them when it is read as Latin-1 or Windows-1252."""
HAN = re.compile("[\u3400-\u9fff]")


class Repair:
    """Never drops; a text without flaws passes at the cost of one search."""

    repairs = True

    def __init__(self, config: RepairConfig) -> None:
        import ftfy

        # what a user sees stays: no ligatures, widths, quotes or normal forms are changed
        self._ftfy = ftfy.TextFixerConfig(
            unescape_html=False, fix_latin_ligatures=False, fix_character_width=False, uncurl_quotes=False,
            fix_line_breaks=False, remove_control_chars=False, remove_terminal_escapes=False, normalization=None,
            explain=False,
        )  # fmt: skip
        self._fix = ftfy.fix_encoding
        self.mojibake, self.entities = config.mojibake, config.entities

    def __call__(self, example: Example) -> Example:
        if self.entities and is_escaped(example):
            example = mapped(example, unescaped)
        return mapped(example, self.repaired)

    def repaired(self, text: str) -> str:
        """*text* without flaws."""
        if self.mojibake and not text.isascii():
            text = self._decoded(text)
        if not (SUSPECT.search(text) or " \n" in text or "\t\n" in text or "\n\n\n" in text or text != text.strip()):
            return text
        text = LINE_ENDS.sub("\n", text)
        text = INVISIBLE.sub("", SPACES.sub(" ", CONTROLS.sub("", _paired(text))))
        if not RIGHT_TO_LEFT.search(text):
            text = DIRECTIONS.sub("", text)
        text = STACKED.sub("", JOINERS.sub("", text))
        text = outside_code(text, _without_blanks)
        return _without_margins(text)

    def _decoded(self, text: str) -> str:
        """*text* as it was before it was decoded wrongly, where that is certain."""
        if LATIN_MOJIBAKE.search(text):
            text = self._fix(text, self._ftfy)
        if not _gbk_mojibake().match(text):
            return text
        try:
            again = text.encode("gb18030").decode("utf-8")  # Chinese text is never UTF-8 in GB 18030 by chance
        except UnicodeError:
            return text
        return again if len(HAN.findall(again)) >= 3 else text


@cache
def _gbk_mojibake() -> re.Pattern[str]:
    """How UTF-8 begins when it is read as GBK: its first two bytes of three make one of a few hundred characters."""
    pairs = (bytes([first, second]) for first in range(0xE2, 0xF0) for second in range(0x80, 0xC0))
    characters = "".join(re.escape(pair.decode("gb18030", "ignore")) for pair in pairs)
    return re.compile(f"[\x00-\x7f]*[{characters}]")


def _paired(text: str) -> str:
    """Two halves of a character that stand side by side are made one."""
    if not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")


def _without_blanks(text: str) -> str:
    """No white space at the ends of lines and no more than one empty line in a row; programs have two between functions."""
    text = BLANK_ENDS.sub("", text)
    return MANY_LINES.sub("\n\n", text) if "\n\n\n" in text and not is_code(text) else text


def _without_margins(text: str) -> str:
    """No blank lines before and no white space behind; the indentation of the first of several lines may mean something."""
    text = re.sub(r"\A(?:[ \t\u3000]*\n)+", "", text.rstrip())
    return text if "\n" in text else text.strip()
