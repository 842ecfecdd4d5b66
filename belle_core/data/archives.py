"""Zip and tar archives: the files in them, and each opened without beginning the archive anew."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import IO, Any

from belle_core.data.packing import DAMAGE, ZIP, head_of, unpacked
from belle_core.errors import BelleError, in_one_line

EMPTY = b"PK\x05\x06"
"""Begins a zip archive without members."""
OFFICE = "[Content_Types].xml"
"""Stands in every workbook and document of Excel and Word, which are zip archives."""
TAR = b"ustar"
"""Stands at byte 257 of a tar archive, which may be packed itself."""
READERS = 2
"""Readers of a tar archive: each of its files is read twice, first for its encoding."""


def members_of(path: Path) -> list[str]:
    """Names of the files in a zip or tar archive, in order, ``[""]`` where it is none; raises ``BelleError`` for an archive
    that is empty, encrypted or damaged."""
    if not (zipped := head_of(path).startswith((ZIP, EMPTY))) and not _is_tar(path):
        return [""]
    kind = "zip" if zipped else "tar"
    try:
        names = _zipped(path) if zipped else _tarred(path)
    except DAMAGE as error:
        why = in_one_line(error)
        raise BelleError(
            f"{path}: the {kind} archive is damaged or cut off ({why})", f"{path}：{kind} 文件已损坏或不完整（{why}）"
        ) from error
    if not names:
        raise BelleError(f"{path}: the {kind} archive holds no file", f"{path}：{kind} 文件中没有文件")
    return names


def decoded(member: str) -> str:
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
    if any(entry.filename == OFFICE for entry in entries):
        raise BelleError(
            f"{path}: is an Office document; save a table as CSV (UTF-8) and a text as plain text first",
            f"{path}：是 Office 文档；请先把表格另存为 CSV（UTF-8），把文字另存为纯文本",
        )
    if locked := next((entry.filename for entry in entries if entry.flag_bits & 1), None):
        raise BelleError(
            f"{path}: {locked} is encrypted; unpack the archive with its password first",
            f"{path}：{locked} 已加密；请先用密码解压",
        )
    return sorted(entry.filename for entry in entries)


def _tarred(path: Path) -> list[str]:
    """Regular files only, in their order: what a link points to may lie outside the archive."""
    with path.open("rb") as raw, tarfile.open(fileobj=unpacked(raw), mode="r|") as archive:
        return list(dict.fromkeys(_bare(entry) for entry in archive if entry.isreg() and _is_data(_bare(entry))))


def _bare(entry: tarfile.TarInfo) -> str:
    return entry.name.removeprefix("./")


def _is_tar(path: Path) -> bool:
    try:
        with path.open("rb") as raw:
            return bytes(unpacked(raw).read(262))[257:] == TAR
    except (*DAMAGE, BelleError):
        return False  # what is wrong with it is told where it is read


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


class _Zip:
    """A zip archive, whose list of files is read once."""

    def __init__(self, path: Path) -> None:
        self.archive = zipfile.ZipFile(path)

    def open(self, member: str) -> tuple[IO[bytes], IO[bytes]]:
        return self.archive.fp, self.archive.open(member)  # type: ignore[return-value]

    def close(self) -> None:
        self.archive.close()


class _Forward:
    """A tar archive from its beginning on; what was read past is not come back to, since a packed one cannot be entered in the middle."""

    def __init__(self, path: Path) -> None:
        self.raw = path.open("rb")
        self.archive = tarfile.open(fileobj=unpacked(self.raw), mode="r|")  # noqa: SIM115 - open as long as this
        self.passed: set[str] = set()
        self.file: IO[bytes] | None = None

    def idle(self) -> bool:
        return self.file is None or self.file.closed

    def open(self, member: str) -> IO[bytes]:
        while (entry := self.archive.next()) is not None:
            self.archive.members = []  # type: ignore[attr-defined]  # else it keeps them all
            self.passed.add(name := _bare(entry))
            if name == member and entry.isreg() and (file := self.archive.extractfile(entry)):
                self.file = file
                return file
        raise EOFError(f"{member} is not there any more")


class _Tar:
    """A tar archive whose files are opened in their order, so that it is unpacked once for each reader."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.readers: list[_Forward] = []

    def open(self, member: str) -> tuple[IO[bytes], IO[bytes]]:
        reader = next((one for one in self.readers if one.idle() and member not in one.passed), None)
        if reader is None:
            if len(self.readers) >= READERS and (done := next(filter(_Forward.idle, self.readers), None)):
                self.readers.remove(done)
                done.raw.close()
            reader = _Forward(self.path)
            self.readers.append(reader)
        return reader.raw, reader.open(member)

    def close(self) -> None:
        for reader in self.readers:
            reader.raw.close()


_last: dict[tuple[Any, ...], _Zip | _Tar] = {}
"""The archive that was opened last."""


def open_member(path: Path, member: str) -> tuple[IO[bytes], IO[bytes]]:
    """The archive on disk, which stays open for the next one, and the bytes of a file in it, for the caller to close."""
    status = path.stat()
    key = (path, status.st_size, status.st_mtime_ns)
    if key not in _last:
        while _last:
            _last.popitem()[1].close()
        _last[key] = _Zip(path) if head_of(path).startswith(ZIP) else _Tar(path)
    return _last[key].open(member)
