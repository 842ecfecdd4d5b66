"""What a file is packed in, told by its first bytes: gzip, bzip2, xz, zstd, or a zip archive with several members."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from belle_core.errors import BelleError

ZIP = b"PK\x03\x04"
OPENERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": lambda raw: _zstd(raw),
}
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
"""What a packed file raises that is damaged or cut off."""


def head_of(path: Path, count: int = 8) -> bytes:
    """The first bytes of a file; none when it cannot be read, which is told where it is opened."""
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""


def is_packed(head: bytes) -> bool:
    """Whether these first bytes are of a packed file."""
    return head.startswith((ZIP, *OPENERS))


def unpacked(raw: IO[bytes], member: str = "") -> Any:
    """The bytes inside *raw*, as a file to read; *raw* itself when it is not packed."""
    raw.seek(0)
    head = raw.read(8)
    raw.seek(0)
    if member:
        return zipfile.ZipFile(raw).open(member)
    opener = next((opener for magic, opener in OPENERS.items() if head.startswith(magic)), None)
    return opener(raw) if opener else raw


def members_of(path: Path) -> list[str]:
    """Names of the files in a zip archive, in order; raises ``BelleError`` for one that is empty, encrypted or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if _is_data(entry.filename)]
    except DAMAGE as error:
        raise BelleError(
            f"{path}: the zip archive is damaged or cut off ({error})", f"{path}：zip 文件已损坏或不完整（{error}）"
        ) from error
    if not entries:
        raise BelleError(f"{path}: the zip archive holds no file", f"{path}：zip 文件中没有文件")
    if locked := next((entry.filename for entry in entries if entry.flag_bits & 1), None):
        raise BelleError(
            f"{path}: {locked} is encrypted; unpack the archive with its password first",
            f"{path}：{locked} 已加密；请先用密码解压",
        )
    return sorted(entry.filename for entry in entries)


def member_density(path: Path, member: str) -> float:
    """Bytes in a member of a zip archive per byte on disk."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(member)
        return entry.file_size / max(entry.compress_size, 1)


def _is_data(name: str) -> bool:
    """Whether a member is no directory and not hidden, as macOS's own files are."""
    return not name.endswith("/") and not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _zstd(raw: IO[bytes]) -> Any:
    from belle_core.data.tables import pyarrow

    own = os.fdopen(os.dup(raw.fileno()), "rb")  # pyarrow closes what it is given; the place in the file is shared
    own.seek(0)
    return pyarrow("zstd").CompressedInputStream(own, "zstd")
