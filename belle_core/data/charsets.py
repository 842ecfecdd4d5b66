"""Which encoding a file is in, told from its bytes."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator

MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SURE = {"gb18030", "gbk", "gb2312", "big5", "big5hkscs", "cp950", "cp932", "shift_jis", "euc_jp", "euc_kr", "cp949"}
"""Guesses that are taken without asking; Western code pages look too much alike for that."""
SAMPLE = 1 << 16


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
    guess = _guess(block)
    if guess not in SURE:
        raise Undecided(offset + first, guess)
    return "gb18030" if guess in ("gbk", "gb2312") else guess


def _guess(sample: bytes) -> str | None:
    """What most of the lines look like; whole lines, since a damaged byte spoils the guess for all that stands with it."""
    from charset_normalizer import from_bytes  # only files that are not UTF-8 need it

    def best(piece: bytes) -> str | None:
        found = from_bytes(piece).best()
        return found.encoding if found else None

    whole = best(sample[: sample.rfind(b"\n", 0, SAMPLE) + 1] or sample)
    if whole in SURE:
        return whole
    votes = Counter(encoding for line in _foreign_lines(sample) if (encoding := best(line)))
    return votes.most_common(1)[0][0] if votes else whole


def _foreign_lines(sample: bytes, count: int = 20) -> Iterator[bytes]:
    for line in sample[:SAMPLE].split(b"\n")[:-1] or [sample]:
        if count and not line.isascii():
            count -= 1
            yield line
