"""What a file is packed in, told by its first bytes: gzip, bzip2, xz, zstd, or a zip or tar archive with several members."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from belle_core.errors import BelleError

ZIP = b"PK\x03\x04"
EMPTY = b"PK\x05\x06"
"""Begins a zip archive without members."""
TAR = b"ustar"
"""Stands at byte 257 of a tar archive, which may be packed itself."""
OPENERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": lambda raw: _zstd(raw),
}
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)
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
    if member and head.startswith(ZIP):
        return zipfile.ZipFile(raw).open(member)
    if member:
        return _tar_member(raw, member)
    opener = next((opener for magic, opener in OPENERS.items() if head.startswith(magic)), None)
    return opener(raw) if opener else raw


def members_of(path: Path) -> list[str]:
    """Names of the files in a zip or tar archive, in order, ``[""]`` where it is none; raises ``BelleError`` for an archive
    that is empty, encrypted or damaged."""
    if not (zipped := head_of(path).startswith((ZIP, EMPTY))) and not _is_tar(path):
        return [""]
    kind = "zip" if zipped else "tar"
    try:
        names = _zipped(path) if zipped else _tarred(path)
    except DAMAGE as error:
        raise BelleError(
            f"{path}: the {kind} archive is damaged or cut off ({error})",
            f"{path}：{kind} 文件已损坏或不完整（{error}）",
        ) from error
    if not names:
        raise BelleError(f"{path}: the {kind} archive holds no file", f"{path}：{kind} 文件中没有文件")
    return names


def readable(member: str) -> str:
    """The name of a member for people: a zip archive made on a Chinese Windows holds it in GBK without saying so."""
    for encoding in ("utf-8", "gb2312"):
        try:
            return member.encode("cp437").decode(encoding)
        except UnicodeError:
            pass
    return member


def _zipped(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if _is_data(entry.filename)]
    if locked := next((entry.filename for entry in entries if entry.flag_bits & 1), None):
        raise BelleError(
            f"{path}: {locked} is encrypted; unpack the archive with its password first",
            f"{path}：{locked} 已加密；请先用密码解压",
        )
    return sorted(entry.filename for entry in entries)


def _tarred(path: Path) -> list[str]:
    """Regular files only: what a link points to may lie outside the archive."""
    with path.open("rb") as raw, tarfile.open(fileobj=unpacked(raw), mode="r|") as archive:
        return sorted({_bare(entry) for entry in archive if entry.isreg() and _is_data(_bare(entry))})


def _bare(entry: tarfile.TarInfo) -> str:
    return entry.name.removeprefix("./")


def _is_tar(path: Path) -> bool:
    try:
        with path.open("rb") as raw:
            return bytes(unpacked(raw).read(262))[257:] == TAR
    except (*DAMAGE, BelleError):
        return False  # what is wrong with it is told where it is read


def _tar_member(raw: IO[bytes], name: str) -> IO[bytes]:
    """One file of a tar archive; all before it is read past, since a packed one cannot be entered in the middle."""
    archive = tarfile.open(fileobj=unpacked(raw), mode="r|")  # noqa: SIM115 - the file that is returned needs it
    for entry in archive:
        if _bare(entry) == name and entry.isreg() and (file := archive.extractfile(entry)):
            return file
    raise EOFError(f"{name} is not there any more")


def member_density(path: Path, member: str) -> float:
    """Bytes in a member of an archive per byte on disk; for a tar archive its whole size, since its members are packed together."""
    if not head_of(path).startswith(ZIP):
        with path.open("rb") as raw, tarfile.open(fileobj=unpacked(raw), mode="r|") as archive:
            return next((entry.size for entry in archive if _bare(entry) == member), 0) / max(path.stat().st_size, 1)
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
