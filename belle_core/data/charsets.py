"""Which encoding a file is in, told from its bytes."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable

MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SURE = {"gb18030", "gbk", "gb2312", "big5", "big5hkscs", "cp950"}
"""Guesses that are taken without asking; others are too easily mistaken for each other."""
UNICODE = ["utf_8", "utf_7", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"]
"""Not to be guessed: these were ruled out before."""
COMMON = set(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方"
    "多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日者意无力它与长把机十第公此已工使情明性"
    "知全三又关点正业外将两高间由问很最重并物手应向头文体美相见被利什二等产新己制身果加月话合回特代内信表化老给世位次度题答"
)
"""The characters that make up half of any Chinese text; by chance fewer than one in ten would be among them."""
CHINESE = 0.25
"""Share of them among what is no ASCII, punctuation aside, from which on a text is surely Chinese."""
WORD = re.compile(rb"[\x30-\xff]+")
"""Runs without the ASCII characters that no multi-byte encoding uses inside a character."""


class Undecided(Exception):
    """The bytes are not UTF-8 and do not tell what else they are."""

    def __init__(self, offset: int, guess: str | None) -> None:
        super().__init__(offset, guess)
        self.offset, self.guess = offset, guess


def detect(blocks: Iterable[bytes]) -> tuple[str, int]:
    """Encoding and number of bytes of its mark; reads *blocks* until one holds more than ASCII.

    Raises :class:`Undecided` with the offset of the first byte that is not UTF-8.
    """
    offset = 0
    for block in blocks:
        if offset == 0:
            for mark, encoding in MARKS:
                if block.startswith(mark):
                    return encoding, len(mark)
            if b"\0" in block[:2]:  # JSON begins with an ASCII character, so UTF-16 without a mark shows
                return ("utf-16-be" if block[0] == 0 else "utf-16-le"), 0
        if not block.isascii():
            return _of_block(block, offset), 0
        offset += len(block)
    return "utf-8", 0


def _of_block(block: bytes, offset: int) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(block)  # not final: the block may end inside a character
        return "utf-8"
    except UnicodeDecodeError as error:
        first = error.start
    text = block.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if sum(1 for c in text if c > "\x7f") > 10 * broken:
        return "utf-8"  # a few damaged bytes in UTF-8: better told one by one
    guess = "gb18030" if _is_gb(block) else _guess(block)
    if guess not in SURE:
        raise Undecided(offset + first, guess)
    return "gb18030" if guess in ("gbk", "gb2312") else guess


def _is_gb(block: bytes) -> bool:
    """Whether the bytes are surely Chinese in GB18030; few of them suffice, unlike for a guess."""
    try:
        text = codecs.getincrementaldecoder("gb18030")().decode(block)
    except UnicodeDecodeError:
        return False
    letters = [character for character in text if character > "\x7f" and character.isalpha()]
    return sum(letter in COMMON for letter in letters) > CHINESE * len(letters)


def _guess(block: bytes) -> str | None:
    """What most samples of the foreign words look like; several, since a damaged byte spoils the guess for its sample."""
    from charset_normalizer import from_bytes  # only files that are not UTF-8 need it

    words = [word for word in WORD.findall(block) if not word.isascii()]
    words = words[:-1] or words  # the last may be cut
    samples = [b" ".join(words[start : start + 100]) for start in range(0, min(len(words), 2000), 100)]
    votes = Counter(found.encoding for sample in samples if (found := from_bytes(sample, cp_exclusion=UNICODE).best()))
    return votes.most_common(1)[0][0] if votes else None
