"""A file as decoded text in pieces: packed or plain, in whatever encoding its bytes show."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from belle_core.data.archives import member_density, open_member
from belle_core.data.charsets import Undecided, detect
from belle_core.data.packing import DAMAGE, ZIP, head_of, is_packed, unpacked
from belle_core.errors import BelleError, in_one_line

BLOCK = 1 << 18
LOOKED_AT = 1 << 21
"""Bytes on disk that tell how densely a file is packed."""
BROKEN = "\udcff"
"""Stands in the text where bytes could not be decoded; no decoder makes it by itself."""
CONTAINERS = {
    b"PAR1": ("a Parquet table", "Parquet 表格"),
    b"ARROW1": ("an Arrow table", "Arrow 表格"),
    b"%PDF": ("a PDF document", "PDF 文档"),
    b"\xd0\xcf\x11\xe0": ("an old Office document", "旧版 Office 文档"),
    b"GGUF": ("a GGUF model", "GGUF 模型"),
    ZIP: ("a zip archive inside another file", "套在另一个文件里的 zip 压缩包"),
}


class TextFile:
    """Opens *path* and yields its text; ``encoding="auto"`` looks at the bytes; *member* names a file in a zip archive.

    Raises ``BelleError`` (with the byte offset) for an encoding that cannot be told or is wrong throughout, a container that
    is not read here, and packed data that is cut off.
    """

    def __init__(self, path: Path, encoding: str = "auto", member: str = "") -> None:
        self.path, self.encoding, self.member = path, encoding, member
        self.layout = ""
        """How its records are laid out, once they are being read: ``json``, ``table`` or ``plain``."""
        self.size = path.stat().st_size
        self.invalid: deque[int] = deque()
        """Byte offsets (in the uncompressed file) of the places that became ``BROKEN``, in order."""
        self._packed = bool(member) or is_packed(head_of(path))
        self._raw, self._file = self._opened()
        self._skip = 0
        self._read = 0

    def __enter__(self) -> TextFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        if not self.member:  # an archive serves others too
            self._raw.close()

    def _opened(self) -> tuple[IO[bytes], Any]:
        """The file on disk, and the bytes inside it."""
        raw = None if self.member else self.path.open("rb")
        try:
            return (raw, unpacked(raw)) if raw else open_member(self.path, self.member)
        except DAMAGE as error:
            if raw:
                raw.close()
            raise self._damaged(error) from error

    @property
    def position(self) -> int:
        """Bytes of the file on disk that were read."""
        return self._raw.tell()

    @property
    def density(self) -> float:
        """Bytes of text per byte on disk, in the first megabytes: unpackers read ahead, so a block alone would not tell."""
        if self.member:
            return member_density(self.path, self.member)
        if not self._packed:
            return 1.0
        with TextFile(self.path) as file:
            read = 0
            for block in file._blocks():
                read += len(block)
                if file.position >= LOOKED_AT:
                    break
            return read / max(file.position, 1)

    def pieces(self) -> Iterator[str]:
        """The text from the beginning, in pieces of about 256 KiB."""
        self._find_encoding()
        decoder = codecs.getincrementaldecoder(self.encoding)()
        for block in self._blocks():
            self._read += len(block)
            skipped, self._skip = self._skip, 0
            yield self._decode(decoder, block[skipped:], final=False)
        yield self._decode(decoder, b"", final=True)

    def _find_encoding(self) -> None:
        try:
            found, self._skip = detect(self._inspected())
        except Undecided as error:
            if self.encoding == "auto":
                raise self._undecided(error) from error
            found, self._skip = self.encoding, 0
        if self.encoding in ("auto", found):
            self.encoding = found
        else:
            self._skip = 0
        self.__exit__()
        self._raw, self._file = self._opened()

    def _inspected(self) -> Iterator[bytes]:
        """The blocks, after a look at what they begin with."""
        for number, block in enumerate(self._blocks()):
            if number == 0:
                _refuse_containers(self.path, block[:8])
            yield block

    def _blocks(self) -> Iterator[bytes]:
        try:
            while block := self._file.read(BLOCK):
                yield block
        except DAMAGE as error:
            if not self._packed:
                raise
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> BelleError:
        why = in_one_line(error)
        return _unreadable(
            self.path,
            f"the packed data is damaged or cut off ({why}); fetch the file again, or unpack what is left of it first",
            f"压缩数据已损坏或不完整（{why}）；请重新下载，或先解压出其余部分",
        )

    def _decode(self, decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool) -> str:
        """Text of *block*; every place that cannot be decoded becomes one ``BROKEN`` and is noted in ``invalid``."""
        text: list[str] = []
        while True:
            try:
                return "".join([*text, decoder.decode(block, final)])
            except UnicodeDecodeError as error:
                data = error.object  # what the decoder had kept, and the block
                place = self._read - len(data) + error.start
                if len(text) > 1000 or (len(text) > 3 and place < 32):  # many, or already the first characters
                    raise self._wrong(place) from error
                self.invalid.append(place)
                text.append(data[: error.start].decode(self.encoding) + BROKEN)
                decoder.reset()
                block = data[error.end :]
            except UnicodeError as error:
                # no place is told: the mark of byte order is lacking with which its encoding begins
                raise self._wrong(0) from error

    def _wrong(self, place: int) -> BelleError:
        name = self.encoding
        return _unreadable(
            self.path,
            f"is not {name} (about byte offset {place} and in many other places); say data.encoding=<name> or convert it to UTF-8",
            f"不是 {name} 编码（字节偏移 {place} 附近及多处）；请用 data.encoding=<名称> 指定编码，或转换为 UTF-8",
        )

    def _undecided(self, error: Undecided) -> BelleError:
        like, like_zh = (f" (it resembles {error.guess})", f"（看起来像 {error.guess}）") if error.guess else ("", "")
        return _unreadable(
            self.path,
            f"is not UTF-8 (byte offset {error.offset}) and its encoding cannot be told{like}; "
            "if it is text, say for example data.encoding=gb18030",
            f"不是 UTF-8（字节偏移 {error.offset}），也无法判断编码{like_zh}；如果是文本，请指定编码，例如 data.encoding=gb18030",
        )


def _refuse_containers(path: Path, head: bytes) -> None:
    for magic, (english, chinese) in CONTAINERS.items():
        if head.startswith(magic):
            raise _unreadable(
                path,
                f"is {english}; unpack or convert it to JSON first",
                f"是{chinese}，不受支持；请先解压或转换为 JSON",
            )


def _unreadable(path: Path, english: str, chinese: str) -> BelleError:
    return BelleError(f"{path}: {english}", f"{path}：{chinese}")
